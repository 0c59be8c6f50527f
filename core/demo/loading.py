"""Writes the demo month: first who plays in it, then its conversations, a few at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from core.demo.cast import Cast, DemoAgent
from core.demo.exchange import Talk, record
from core.demo.ids import is_demo
from core.demo.script import Month
from core.demo.state import State, change_phase, read_state, write_state
from core.errors import InputError
from core.provider.models import current_models
from core.store.access import User
from core.store.tables import Agent, AgentVersion, Conversation

TALKS_AT_ONCE = 8

_users, _agents, _versions = User.__table__, Agent.__table__, AgentVersion.__table__
_conversations = Conversation.__table__


def begin(connection: Connection, wanted: State, month: Month) -> State:
    """Return the month that is there, or this one, begun.

    Raises IntegrityError if another process begins one, InputError.
    """
    found = read_state(connection, lock=True)
    if found is None:
        write_state(connection, wanted)
        _refuse_taken_names(connection, month.cast)
        _add_people(connection, month)
        _add_agents(connection, month)
    return found or wanted


def _refuse_taken_names(connection: Connection, cast: Cast) -> None:
    names = [agent.name for agent in cast.agents]
    taken = select(_agents.c.name).where(_agents.c.name.in_(names), ~is_demo(_agents.c.id))
    for (name,) in connection.execute(taken):
        raise InputError(f"There is an agent named “{name}” already. Rename it, then load the demo month again.")


def _add_people(connection: Connection, month: Month) -> None:
    rows = [
        {"id": month.cast.person_id(person), "email": person.email, "name": person.name, "role": "operator"}
        for person in month.cast.people
    ]
    _add_missing(connection, _users, [{**row, "created_at": month.begins} for row in rows])


def _add_agents(connection: Connection, month: Month) -> None:
    """Add those that an earlier month did not leave; none is active, as a demo agent cannot be asked."""
    cast = month.cast
    rows = [{"id": cast.agent_id(agent), "name": agent.name, "active": False} for agent in cast.agents]
    new = _add_missing(connection, _agents, [{**row, "current_version": 1, "created_at": month.begins} for row in rows])
    versions = [_version(month, agent) for agent in cast.agents if cast.agent_id(agent) in new]
    if versions:
        connection.execute(insert(_versions), versions)


def _version(month: Month, agent: DemoAgent) -> dict[str, Any]:
    return {
        "agent_id": month.cast.agent_id(agent),
        "number": 1,
        "name": agent.name,
        "description": agent.description,
        "model": _model(month, agent),
        "system_prompt": agent.system_prompt,
        "max_output_tokens": 16_000,
        "thinking": agent.thinking_tokens > 0,
        "starters": [talk[0][0] for talk in agent.talks],
        "created_at": month.begins,
        "created_by": month.cast.person_id(month.cast.people[0]),
    }


def _model(month: Month, agent: DemoAgent) -> str:
    """Return the best that still answers and had a price all month long."""
    current = {model.id for model in current_models(month.today)}
    known = (model for model in agent.models if model in current and month.book.rate_card(model, month.begins))
    return next(known, agent.models[0])


def _add_missing(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> set[str]:
    """Return the ids of those that were not there."""
    ids = [row["id"] for row in rows]
    there = {id_ for (id_,) in connection.execute(select(table.c.id).where(table.c.id.in_(ids)))}
    new = [row for row in rows if row["id"] not in there]
    if new:
        connection.execute(insert(table), new)
    return {row["id"] for row in new}


def with_models(connection: Connection, month: Month) -> Month:
    """Return the month with the models that its agents have."""
    first = (is_demo(_versions.c.agent_id), _versions.c.number == 1)
    rows = connection.execute(select(_versions.c.agent_id, _versions.c.model).where(*first))
    models = {row.agent_id: row.model for row in rows}
    return replace(month, models={agent.name: models[month.cast.agent_id(agent)] for agent in month.cast.agents})


def pieces(month: Month, until: datetime) -> Iterator[list[Talk]]:
    """Yield the month's conversations, a few at a time, but for those that are not over by then."""
    for day in month.days():
        talks = [talk for talk in month.talks(day) if talk[-1].end.ended.at <= until]
        for first in range(0, len(talks), TALKS_AT_ONCE):
            yield talks[first : first + TALKS_AT_ONCE]


def add(connection: Connection, talks: Sequence[Talk], state: State) -> bool:
    """Add them unless they are there; False if the month is not being loaded any more."""
    if read_state(connection, lock=True) != state:
        return False
    first = talks[0][0].opening.head.conversation_id
    if connection.execute(select(_conversations.c.id).where(_conversations.c.id == first)).first() is None:
        record(connection, talks)
    return True


def complete(connection: Connection, state: State) -> None:
    if read_state(connection, lock=True) == state:
        change_phase(connection, "loaded")
