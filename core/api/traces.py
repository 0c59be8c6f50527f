"""Every turn as the books have it: the list, and all that lies behind one of them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from core.analytics.search_request import LONGEST_TEXT
from core.analytics.traces import Key
from core.api.caller import Caller, Running
from core.api.choosing import Filters
from core.api.problems import raises, wrong
from core.api.trace_parts import Trace, TraceDetail, UnconfirmedCall, detail, row, unconfirmed
from core.api.wire import Data, Page
from core.errors import NotAllowed, NotFound

traces = APIRouter(prefix="/api/traces", tags=["traces"], responses=raises(NotAllowed))


class TraceQuery(Filters):
    q: str = Field("", max_length=LONGEST_TEXT, description="Words of the conversation, or an id.")
    after: str = Field("", max_length=200, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=200)


@traces.get("")
def list_traces(services: Running, by: Caller, query: Annotated[TraceQuery, Query()]) -> Page[Trace]:
    """Turns, newest first: one's own or, for who may see what others spent, everybody's.

    Words are searched for only in what the caller may read.
    """
    choice = query.choice(services.settings.time_zone, services.costs.names(by))
    chosen = replace(choice, text=query.q).filter
    before = _key(query.after) if query.after else None
    found = services.traces.page(by, chosen, before=before, limit=query.limit + 1)
    shown = found[: query.limit]
    more = len(found) > query.limit
    return Page(
        data=[row(each) for each in shown], next=_cursor((shown[-1].started_at, shown[-1].id)) if more else None
    )


@traces.get("/unconfirmed")
def list_unconfirmed(services: Running, by: Caller, query: Annotated[Filters, Query()]) -> Data[list[UnconfirmedCall]]:
    """Calls that were sent, or may have been, without a word of what they used: at most 200, the newest first.

    They cost nothing here, or their prompt's estimate, and `atMost` is the most it can have been; only the provider's
    own report can tell.
    """
    choice = query.choice(services.settings.time_zone, services.costs.names(by))
    return Data(data=[unconfirmed(each) for each in services.traces.unconfirmed(by, choice.filter)])


@traces.get("/{trace_id}", responses=raises(NotFound))
def read_trace(services: Running, by: Caller, trace_id: str) -> Data[TraceDetail]:
    """Read one turn: its agents' sessions, their steps and the ledger lines that its cost is the sum of.

    What was said is there only for who may read it: one's own, and everything for an admin.
    """
    found = services.traces.detail(by, trace_id)
    asked, texts = services.traces.asked(by, trace_id), services.traces.tool_texts(by, trace_id)
    return Data(data=detail(found, asked, texts))


def _cursor(key: Key) -> str:
    at, trace_id = key
    return urlsafe_b64encode(f"{at.isoformat()} {trace_id}".encode()).decode().rstrip("=")


def _key(cursor: str) -> Key:
    """Raises a problem for what ``_cursor`` did not write."""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, trace_id = text.partition(" ")
        found = datetime.fromisoformat(at), trace_id
        if _cursor(found) != cursor or found[0].tzinfo is None:
            raise ValueError
    except (ValueError, Error):
        raise wrong("after", "not what `next` of an earlier page was") from None
    return found
