"""A parent's figures are the sums of its children's, computed by the database when the parent closes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, TextClause, bindparam, text
from sqlalchemy.sql.sqltypes import BigInteger
from sqlmodel.sql.sqltypes import UTCDateTime

from core.store.text import StorableText
from core.units import COLUMNS

_ENDED = ("status", "ended_at", "duration_ms", "time_to_first_token_ms", "error_type", "error_text")


def _sums(child: str, key: str) -> str:
    """A cost with an unknown part is unknown; of the bases the least certain wins, as their names happen to sort."""
    columns = ", ".join((*COLUMNS, "cost_nanos", "cost_basis"))
    sums = ", ".join(f"sum({column})" for column in COLUMNS)
    cost = "CASE WHEN count(*) = count(cost_nanos) THEN sum(cost_nanos) END"
    return f"({columns}) = (SELECT {sums}, {cost}, max(cost_basis) FROM {child} WHERE {key} = :id)"  # noqa: S608


def _closing(parent: str, child: str, key: str, *more: str) -> TextClause:
    ended = ", ".join(f"{column} = :{column}" for column in (*_ENDED, *more))
    return text(f"UPDATE {parent} SET {ended}, {_sums(child, key)} WHERE id = :id").bindparams(  # noqa: S608
        bindparam("ended_at", type_=UTCDateTime()),
        bindparam("duration_ms", type_=BigInteger()),
        bindparam("time_to_first_token_ms", type_=BigInteger()),
        bindparam("error_type", type_=StorableText()),
        bindparam("error_text", type_=StorableText()),
        *(bindparam(column, type_=StorableText()) for column in more),
    )


_CLOSE_SESSION = _closing("trace_sessions", "trace_spans", "trace_session_id")
_SUM_SESSION = text(f"UPDATE trace_sessions SET {_sums('trace_spans', 'trace_session_id')} WHERE id = :id")  # noqa: S608
_SUM_TRACE = text(f"UPDATE task_trace SET {_sums('trace_sessions', 'task_trace_id')} WHERE id = :id")  # noqa: S608
_CLOSE_TRACE = _closing("task_trace", "trace_sessions", "task_trace_id", "answered_model")


def close_sessions(connection: Connection, ended: Sequence[dict[str, Any]]) -> None:
    """Close each of ``ended``: id, status, ended_at, duration_ms, time_to_first_token_ms, error_type, error_text."""
    connection.execute(_CLOSE_SESSION, ended)


def close_traces(connection: Connection, ended: Sequence[dict[str, Any]]) -> None:
    """Close traces as ``close_sessions`` does, and answered_model; the traces' sessions must be closed before."""
    connection.execute(_CLOSE_TRACE, ended)


def sum_again(connection: Connection, session_ids: Sequence[str], task_trace_id: str) -> None:
    """After a correction of what is closed."""
    connection.execute(_SUM_SESSION, [{"id": id_} for id_ in session_ids])
    connection.execute(_SUM_TRACE, {"id": task_trace_id})
