"""Tables of what agents act with: servers of tools, and who let a tool run."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field

from core.store.tables import Row
from core.store.text import StorableText


class RegisteredMcpServer(Row, table=True):
    """A server of tools. ``transport`` is stdio, with a command, or http, with a url.

    ``secrets`` are the environment variables of the one and the headers of the other, each encrypted; no page may show
    their values.
    """

    __tablename__ = "mcp_servers"
    id: str = Field(primary_key=True)
    name: str = Field(unique=True, sa_type=StorableText)
    transport: str
    command: str = Field(sa_type=StorableText)
    args: list[str] = Field(sa_type=JSON)
    url: str = Field(sa_type=StorableText)
    secrets: dict[str, Any] = Field(sa_type=JSON, repr=False)
    active: bool = True
    created_at: datetime
    created_by: str = Field(foreign_key="users.id")


class ToolApproval(Row, table=True):
    """Somebody's consent to a call of a tool, asked for by its span. ``decision``: approved, denied or expired."""

    __tablename__ = "tool_approvals"
    span_id: str = Field(primary_key=True)
    task_trace_id: str = Field(foreign_key="task_trace.id", index=True)
    tool_name: str = Field(sa_type=StorableText)
    asked_at: datetime
    expires_at: datetime
    decision: str | None = None
    decided_by: str | None = Field(None, foreign_key="users.id")
    decided_at: datetime | None = None
    reason: str = Field("", sa_type=StorableText)
