"""What the first system's tables were called and had, for SQL that was written for it."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_TOKENS_IN = "input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens"
_TRACES = """
CREATE VIEW task_trace_v1 AS
SELECT
    id,
    owner_id AS "ownerId",
    master_agent_id AS "masterAgentId",
    conversation_id AS "conversationId",
    instruction,
    CASE WHEN status IN ('running', 'completed') THEN status ELSE 'failed' END AS status,
    {dollars} AS "totalCost",
    {tokens_in} + output_tokens AS "totalTokens",
    started_at AS "createdAt",
    started_at AS "startedAt",
    ended_at AS "completedAt"
FROM task_trace
"""
_SESSIONS = """
CREATE VIEW trace_sessions_v1 AS
SELECT
    trace_sessions.id,
    trace_sessions.task_trace_id AS "taskTraceId",
    trace_sessions.agent_id AS "agentId",
    task_trace.instruction,
    CASE WHEN trace_sessions.status IN ('running', 'success') THEN trace_sessions.status ELSE 'failed' END AS status,
    trace_sessions.model AS "modelUsed",
    'command-center' AS "sessionType",
    {dollars} AS cost,
    {tokens_in} AS "tokensIn",
    trace_sessions.output_tokens AS "tokensOut",
    trace_sessions.duration_ms AS "durationMs",
    trace_sessions.started_at AS "createdAt",
    trace_sessions.started_at AS "startedAt",
    trace_sessions.ended_at AS "completedAt"
FROM trace_sessions JOIN task_trace ON task_trace.id = trace_sessions.task_trace_id
"""


def upgrade() -> None:
    """Null stays a cost that is not known."""
    # A float has fifteen digits, so that SQLite, which has no decimals, is exact to the nano-dollar up to a million.
    exact = "{0}cost_nanos / 1000000000.0" if op.get_bind().dialect.name == "sqlite" else "{0}cost_nanos * 0.000000001"
    for view, table in ((_TRACES, ""), (_SESSIONS, "trace_sessions.")):
        tokens_in = " + ".join(f"{table}{name}" for name in _TOKENS_IN.split(" + "))
        op.execute(view.format(dollars=exact.format(table), tokens_in=tokens_in))
    op.add_column("api_tokens", sa.Column("consents", sa.Boolean(), nullable=False, server_default=sa.false()))
