"""Streamlit's own addresses are doors: for who is signed in, for what was drawn for them, within bounds (G)."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from core.api.cookies import SESSION_COOKIE
from core.api.guard import uploads
from core.api.guard.doors import Doors
from core.api.guard.places import CLOSED, DOORS, FOR_ANYBODY_AT_A_DOOR, within
from core.settings import Settings
from tests.core.api.guard.asking import Answer, Echo, ask
from tests.core.api.guard.rooms import Rooms, session_of
from tests.house_rules import PROJECT

STREAM = "/_stcore/stream"
HTTP_DOORS = ["/media/a.png", "/component/x/y.js", "/_stcore/bidi-components/x", "/_stcore/host-config", "/_stcore/new"]
WITHOUT_A_DOOR = {
    "/_stcore/health": "says whether the server runs, and nothing else",
    "/auth/login": "leads strangers to their identity provider",
    "/oauth2callback": "is where they come back from it, with a state that it was given",
    "/auth/logout": "has a guard of its own: core/api/guard/leaving.py",
    "": "is the frontend's own files, the same for everybody, and the empty page",
}
ROUTES = """
import json
from pathlib import Path
import streamlit as st
from streamlit.web.server.starlette.starlette_app import create_streamlit_routes
runtime = st.App(Path("app.py").resolve())._create_runtime()
print(json.dumps([route.path for route in create_streamlit_routes(runtime)]))
"""


def behind(rooms: Rooms, app: Any = None, auth: str = "accounts", **chosen: Any) -> Doors:
    settings = Settings.model_construct(**{**Settings(_env_file=None).model_dump(), "auth": auth, **chosen})
    return Doors(app or Echo(), rooms=rooms, check=session_of, chosen=settings)


def asked(doors: Doors, path: str, who: str = "", method: str = "GET", **more: Any) -> Answer:
    headers = {"cookie": f"{SESSION_COOKIE}={who}"} if who else {}
    return ask(doors, path, method=method, headers=headers | more.pop("headers", {}), **more)


def test_g1_every_route_of_streamlit_is_a_door_closed_or_has_a_reason() -> None:
    """Read from the installed package as it serves our app, so that a new route has to be thought about."""
    run = subprocess.run([sys.executable, "-c", ROUTES], cwd=PROJECT, capture_output=True, check=True, text=True)
    routes = {path.partition("/{")[0] for path in json.loads(run.stdout.splitlines()[-1])}
    assert {"/_stcore/stream", "/_stcore/upload_file", "/media"} <= routes
    guarded = {path for path in routes if within(path, (*DOORS, *CLOSED)) and not within(path, FOR_ANYBODY_AT_A_DOOR)}
    assert routes - guarded - set(WITHOUT_A_DOOR) == set()
    assert set(WITHOUT_A_DOOR) <= routes


@pytest.mark.parametrize("path", [*HTTP_DOORS, "/_stcore/upload_file/room/file"])
@pytest.mark.parametrize("who", ["", "ended"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_g1_without_a_live_sign_in_no_door_opens(path: str, who: str, method: str) -> None:
    rooms, app = Rooms(drawn={"a.png": {"room"}}), Echo()
    rooms.enter("room", who)
    for auth in ("accounts", "oidc"):
        opens = auth == "oidc" and path == "/_stcore/host-config" and who == "ended"
        assert asked(behind(rooms, app, auth), path, who, method).status == (200 if opens else 401)


@pytest.mark.parametrize("who", ["", "ended"])
def test_g1_a_stranger_gets_no_websocket(who: str) -> None:
    app, extensions = Echo(), {"websocket.http.response": dict[str, str]()}
    for known, status in (({}, 403), (extensions, 401)):
        assert asked(behind(Rooms(), app), STREAM, who, type="websocket", extensions=known).status == status
    assert app.reached == 0
    assert asked(behind(Rooms(), app), STREAM, "ada", type="websocket").status == 101
    # Whom an identity provider knows, and we do not any more, is told so by a page.
    oidc = asked(behind(Rooms(), app, "oidc"), STREAM, who, type="websocket").status
    assert oidc == (101 if who else 403)
    assert asked(behind(Rooms(), app, "none"), STREAM, type="websocket").status == 101


def test_g1_a_file_is_shown_only_where_it_was_drawn() -> None:
    rooms = Rooms(drawn={"a.png": {"adas"}, "gone.png": {"closed"}})
    rooms.enter("adas", "ada")
    mine = asked(behind(rooms), "/media/a.png", "ada")
    assert (mine.status, mine.headers["cache-control"]) == (200, "private, no-store")
    assert asked(behind(rooms), "/media/a.png", "bob").status == 404
    assert asked(behind(rooms), "/media/gone.png", "ada").status == 404
    assert asked(behind(rooms, auth="none"), "/media/a.png").status == 200
    rooms.enter("adas", "ended")
    assert asked(behind(rooms), "/media/a.png", "ended").status == 401, "also after sign-out"


def test_g1_nobody_uploads_into_anothers_page_or_takes_a_file_from_it() -> None:
    rooms = Rooms()
    rooms.enter("adas", "ada")
    for method in ("PUT", "DELETE"):
        assert asked(behind(rooms), "/_stcore/upload_file/adas/1", "ada", method, pieces=[b"x"]).status == 200
        assert asked(behind(rooms), "/_stcore/upload_file/adas/1", "bob", method, pieces=[b"x"]).status == 404
        assert asked(behind(rooms), "/_stcore/upload_file/none/1", "bob", method, pieces=[b"x"]).status == 404


def put(doors: Doors, room: str, size: int, who: str = "ada") -> int:
    headers = {"content-length": str(size)}
    return asked(doors, f"/_stcore/upload_file/{room}/x", who, "PUT", pieces=[b"x"], headers=headers).status


def test_g1_uploads_have_caps_by_person_and_process_over_all_pages() -> None:
    rooms = Rooms()
    for room, who in (("a1", "ada"), ("a2", "ada"), ("b", "bob")):
        rooms.enter(room, who)
    held = behind(rooms, upload_megabytes=20, upload_megabytes_in_all=30, uploads=3)
    assert [put(held, "a1", 1), put(held, "a2", 1), put(held, "b", 1, "bob")] == [200, 200, 200]
    rooms.files = {"a1": [8_000_000], "a2": [8_000_000], "b": []}
    assert [put(held, "a1", 4_000_000), put(held, "a1", 4_000_001), put(held, "a2", 4_000_001)] == [200, 429, 429]
    assert put(held, "b", 14_000_000, "bob") == 200
    assert put(held, "b", 14_000_001, "bob") == 429, "the process keeps 30 MB"
    rooms.files = {"a1": [1, 1], "a2": [1]}
    assert [put(held, "a1", 1), put(held, "b", 1, "bob")] == [429, 200]


def test_g1_what_is_still_coming_counts_as_if_it_were_there() -> None:
    """Two uploads at once: the second is refused while the first is on its way, and taken after it broke off."""
    rooms, reached, go_on = Rooms(), asyncio.Event(), asyncio.Event()
    rooms.enter("a1", "ada")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("slow"):
            reached.set()
            await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    held = behind(rooms, app, upload_megabytes=20)

    async def put_one(name: str) -> int:
        answer = Answer()
        headers = [(b"cookie", f"{SESSION_COOKIE}=ada".encode()), (b"content-length", b"15000000")]
        scope = {"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/a1/{name}", "headers": headers}
        await held(scope, asyncio.Event().wait, answer.take)  # type: ignore[arg-type]
        return answer.status

    async def both() -> tuple[int, int, int]:
        slow = asyncio.create_task(put_one("slow"))
        await reached.wait()
        second = await put_one("second")
        go_on.set()
        return await slow, second, await put_one("third")

    assert asyncio.run(both()) == (200, 429, 200)


@pytest.mark.parametrize("ends", ["sign-in", "page"])
def test_g1_uploads_are_freed_when_their_session_ends(monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    rooms, signed_in = Rooms(), {"ada"}
    rooms.enter("a1", "ada")

    def check(secret: str) -> Any:
        return session_of(secret if secret in signed_in else "")

    async def sweep() -> None:
        kept = uploads.Uploads(rooms, check, uploads.Most(10, 10, 10))
        looked = asyncio.Queue[None]()
        sleep = asyncio.sleep

        async def look(_: float) -> None:
            await looked.get()
            await sleep(0)

        monkeypatch.setattr(asyncio, "sleep", look)
        with kept.coming(uploads.Visitor("ada", "ada"), "a1", 5):
            rooms.files["a1"] = [5]
        looked.put_nowait(None)
        await sleep(0.05)
        assert rooms.held() == {"a1": (1, 5)}
        signed_in.clear() if ends == "sign-in" else rooms.open.clear()
        looked.put_nowait(None)
        assert kept._sweeping is not None
        await kept._sweeping
        assert rooms.held() == {}

    asyncio.run(sweep())


async def _conversation(
    held: Doors, who: str, talk: Callable[[asyncio.Queue[Message], list[Message]], Awaitable[None]]
) -> None:
    come, sent = asyncio.Queue[Message](), list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"cookie", f"{SESSION_COOKIE}={who}".encode())]
    scope = {"type": "websocket", "path": STREAM, "headers": headers}
    running = asyncio.create_task(held(scope, come.get, send))
    await talk(come, sent)
    await running


class Hearing:
    """An application that keeps what it hears on a WebSocket."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            self.heard.append(message)


def test_g1_a_download_is_made_only_for_whom_it_was_drawn() -> None:
    rooms, app = Rooms(), Hearing()
    rooms.enter("adas", "ada")
    rooms.enter("bobs", "bob")

    async def talk(come: asyncio.Queue[Message], _: list[Message]) -> None:
        for message in (b"make bobs", b"make adas", b"make ", b"else"):
            come.put_nowait({"type": "websocket.receive", "bytes": message})
        come.put_nowait({"type": "websocket.disconnect"})

    asyncio.run(_conversation(behind(rooms, app), "ada", talk))
    assert [message["bytes"] for message in app.heard] == [b"make adas", b"else"]


def test_g1_a_page_that_says_nothing_for_too_long_is_closed() -> None:
    sent = list[list[Message]]()

    async def say_nothing(_: asyncio.Queue[Message], told: list[Message]) -> None:
        sent.append(told)

    asyncio.run(_conversation(behind(Rooms(), Hearing(), page_idle_seconds=0.05), "ada", say_nothing))
    assert sent[0][-1] == {"type": "websocket.close", "code": 1001}


def test_g1_pages_have_caps_by_person_and_process() -> None:
    held = behind(Rooms(), Hearing(), pages_at_once=2, pages_in_all=3)

    async def many() -> list[int]:
        statuses, ends = list[int](), list[tuple[asyncio.Queue[Message], asyncio.Task[None]]]()
        for who in ("ada", "ada", "ada", "bob", "bob"):
            come, answer = asyncio.Queue[Message](), Answer()
            headers = [(b"cookie", f"{SESSION_COOKIE}={who}".encode())]
            refusable = {"websocket.http.response": dict[str, str]()}
            scope = {"type": "websocket", "path": STREAM, "headers": headers, "extensions": refusable}
            ends.append((come, asyncio.create_task(held(scope, come.get, answer.take))))
            while not answer.status:  # noqa: ASYNC110
                await asyncio.sleep(0)
            statuses.append(answer.status)
        for come, task in ends:
            come.put_nowait({"type": "websocket.disconnect"})
            await task
        return statuses

    assert asyncio.run(many()) == [101, 101, 429, 101, 429]
    assert held._open.total() == 0
