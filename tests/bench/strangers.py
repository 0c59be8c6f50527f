"""What strangers cost who knock at the pages' doors: memory of the server, and how long others wait beside them."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection

from core.access.roles import Person
from core.access.sessions import open_session
from core.access.visit import Visit
from core.api.cookies import SESSION_COOKIE
from core.clock import now
from core.store.access import User
from core.store.database import open_store
from tests.bench.report import Figure, show
from tests.core.api.guard.test_doors_served import MEGABYTE, House, form, heard
from tests.core.rows import Rows
from tests.served import served

STRANGERS, UPLOADS, UPLOAD_MEGABYTES = 200, 40, 19
_ASKED, _AT_ONCE = 60, 4
_PROVIDER: dict[str, Any] = {
    "OIDC_DISCOVERY_URL": "http://127.0.0.1:9/.well-known/openid-configuration",
    "OIDC_CLIENT_ID": "bench",
    "OIDC_CLIENT_SECRET": "the secret of a bench",
    "OIDC_ADMINS": "root@example.org",
}


def main() -> None:
    for auth, chosen in (("accounts", {}), ("oidc", _PROVIDER)):
        with TemporaryDirectory() as folder, _house(Path(folder) / "data", auth, chosen) as house:
            _memory(house, auth)
            if auth == "accounts":
                _patience(house)


@contextmanager
def _house(data: Path, auth: str, chosen: dict[str, Any]) -> Iterator[House]:
    """With somebody signed in, where that takes no provider."""
    data.mkdir()
    url = f"sqlite:///{data / 'app.db'}"
    store = open_store(url)
    ada = Person(Rows(store).person(), "Ada", "operator")
    store.write(lambda connection: connection.execute(User.__table__.update().values(joined_at=now())).close()).result()
    cookie = store.write(lambda connection: open_session(connection, ada, Visit("127.0.0.1"))).result().cookie
    store.close()
    with served(data, AUTH=auth, SIMULATOR_PACE="0", **chosen) as server:
        yield House(server, url, (cookie, ""))


def _memory(house: House, auth: str) -> None:
    house.status("GET", "/sign-in")
    before = house.memory()
    with ExitStack() as stack:
        pages = [page for page in (_knock(house) for _ in range(STRANGERS)) if page is not None]
        for page in pages:
            stack.callback(page.close)
            page.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        taken = [
            house.status("PUT", f"/_stcore/upload_file/room/{n}", "", form(UPLOAD_MEGABYTES * MEGABYTE))
            for n in range(UPLOADS)
        ].count(204)
        time.sleep(5)
        beside = house.memory()
    time.sleep(2)
    print(f"\n{auth}: {len(pages)} of {STRANGERS} sockets and {taken} of {UPLOADS} uploads were let in.")
    memory = (("beside them", beside - before), ("afterwards", house.memory() - before))
    show(f"Memory that strangers cost ({auth})", [Figure(when, "MB", more / MEGABYTE, 100) for when, more in memory])


def _knock(house: House) -> ClientConnection | None:
    try:
        return house.connect()
    except WebSocketException:
        return None


def _patience(house: House) -> None:
    alone = _waited(house)
    forked = multiprocessing.get_context("fork")  # threads would make this process slow, not the server
    knocking = [forked.Process(target=_knock_on, args=(house,), daemon=True) for _ in range(_AT_ONCE)]
    for process in knocking:
        process.start()
    beside = _waited(house)
    for process in knocking:
        process.kill()
        process.join()
    figures = [Figure(what, "ms", beside[what] * 1_000, alone[what] * 1_000) for what in alone]
    show("How long a signed-in person waits beside strangers, 95th percentile; the baseline is alone", figures)


def _knock_on(house: House) -> None:
    """Sockets and uploads, as fast as they are refused."""
    while True:
        _knock(house)
        house.status("PUT", "/_stcore/upload_file/room/1", "", form(MEGABYTE))


def _waited(house: House) -> dict[str, float]:
    [cookie, _] = house.cookies
    with (
        httpx2.Client(base_url=house.server.url, cookies={SESSION_COOKIE: cookie}, timeout=60) as http,
        house.connect(cookie) as page,
    ):
        _rerun(page)
        return {
            "an address": _p95(lambda: http.get("/healthz").raise_for_status()),
            "the page of an address": _p95(lambda: http.get("/costs", headers={"Accept": "text/html"})),
            "a page drawn anew": _p95(lambda: _rerun(page)),
        }


def _p95(act: Callable[[], object]) -> float:
    took = []
    for _ in range(_ASKED):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return quantiles(took, n=20)[-1]


def _rerun(page: ClientConnection) -> None:
    page.send(BackMsg(rerun_script=ClientState()).SerializeToString())
    while heard(page).WhichOneof("type") != "script_finished":
        pass
