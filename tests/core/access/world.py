"""Services of which somebody has made use, and people who come to look at that."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import insert

from core.access.roles import ROLES, Person
from core.access.sessions import open_session
from core.access.tokens import TokenDraft
from core.clock import now
from core.conversations.attachments import Attachment
from core.errors import AppError
from core.settings import Settings
from core.store.access import User
from core.store.database import Store
from core.wiring import Services, open_services
from tests.core.access.conftest import HOME
from tests.core.acts import Acts
from tests.core.chat.conftest import ended

CANARY = "Zwergspitzmaus"
"""A word that only its owner and admins may ever read."""

Ids: TypeAlias = Mapping[str, str]
Ask: TypeAlias = Callable[[Services, Person, Ids], object]
"""A call of a core function in somebody's name, about what the ids name."""


@dataclass(frozen=True)
class World:
    """Ada's conversation has a file, an answer, and a turn that waits for consent; ``ids`` are of all that is hers.

    ``others`` are a person of each role, who have nothing.
    """

    services: Services
    ada: Person
    others: Mapping[str, Person]
    ids: Ids


def outcome(world: World, ask: Ask, by: Person, ids: Ids) -> object:
    """What comes of it; of an error its kind and words, whatever ids were asked for."""
    try:
        return ask(world.services, by, ids)
    except AppError as error:
        words = error.for_user
        for each in (*ids.values(), *world.ids.values()):
            words = words.replace(each, "ID")
        return type(error), words


@contextmanager
def a_world(store: Store, folder: Path) -> Iterator[World]:
    settings = Settings(_env_file=None, data_dir=folder, database_url=store.url, simulator_pace=0, drain_seconds=0)
    services = open_services(settings)
    try:
        yield _used(services)
    finally:
        services.close()


def _used(services: Services) -> World:
    ada = _person(services.store, "Ada", "operator")
    agent, text = services.agents.active()[0].id, f"[[say: {CANARY} said.]] {CANARY} asked"
    file = Attachment("list.csv", f"a,{CANARY}\n".encode())
    ended(turn := services.turns.send(owner=ada, agent_id=agent, text=text, attachments=[file]))
    question, _ = services.conversations.transcript(ada, turn.conversation_id)
    waiting, span = _waiting(services.store, ada, agent, turn.conversation_id)
    token = services.access.tokens.create(ada, TokenDraft("Hers", "operator", now() + timedelta(days=1)))
    session = services.store.write(lambda connection: open_session(connection, ada, HOME)).result().session
    ids = {
        "person": ada.id,
        "conversation": turn.conversation_id,
        "text": text,
        "trace": turn.id,
        "file": next(str(block["id"]) for block in question.blocks if "id" in block),
        "waiting": waiting,
        "span": span,
        "token": token.view.id,
        "session": session.id,
        "agent": agent,
    }
    return World(services, ada, {role: _person(services.store, role.capitalize(), role) for role in ROLES}, ids)


def _person(store: Store, name: str, role: str) -> Person:
    row = {"id": f"{name}-0", "name": name, "role": role, "email": f"{name.lower()}@example.org", "created_at": now()}
    store.write(lambda connection: connection.execute(insert(User.__table__), row).close()).result()
    return Person(f"{name}-0", name, role)


def _waiting(store: Store, ada: Person, agent: str, conversation: str) -> tuple[str, str]:
    """A turn in which a call failed, a tool was denied, and another one waits; with the span of that."""
    acts = Acts(store, ada.id, agent, conversation, at=now())
    session = acts.session(agent, 0, 900)
    acts.call(session, 1, 0, 300, status="failed", error_type="invalid_request_error", error_text=f"bad {CANARY}")
    texts = {"input": f'{{"say": "{CANARY}"}}', "output": CANARY}
    acts.consent(acts.tool(session, 1, "echo", 300, 10, **texts), "denied", ada.id, f"Not the {CANARY}")
    acts.consent(span := acts.tool(session, 1, "echo", 300, 10, **texts, error_text=CANARY), None)
    return acts.write(status="running", instruction=f"{CANARY} asked"), span
