"""The doors of the whole server with accounts: what strangers cost, and whose uploads are whose (G)."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from core.access.roles import Person
from core.access.sessions import Sessions, open_session
from core.access.visit import Visit
from core.api.cookies import SESSION_COOKIE
from core.clock import now
from core.store.access import User
from core.store.database import open_store
from tests.core.api.test_exports import eventually
from tests.core.rows import Rows
from tests.served import Served, served

STRANGERS, UPLOADS, MEGABYTE = 200, 40, 1_000_000
REFUSED = 0
"""Before the whole of it was sent."""
XSRF = "2|00000000|00000000000000000000000000000000|1700000000"


@dataclass(frozen=True)
class House:
    """A server with accounts; ``cookies`` are of two people who signed in."""

    server: Served
    url: str
    cookies: tuple[str, str]

    def status(self, method: str, path: str, cookie: str = "", body: bytes = b"") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(self.server.url).port or 0, timeout=20)
        headers = {"Cookie": f"{SESSION_COOKIE}={cookie}; _streamlit_xsrf={XSRF}", "X-Xsrftoken": XSRF}
        headers |= {"Content-Type": "multipart/form-data; boundary=b"} if body else {}
        try:
            connection.request(method, path, body or None, headers)
            return connection.getresponse().status
        except ConnectionError:
            return REFUSED
        finally:
            connection.close()

    def connect(self, cookie: str = "") -> ClientConnection:
        headers = {"Cookie": f"{SESSION_COOKIE}={cookie}"} if cookie else {}
        address = f"ws{self.server.url.removeprefix('http')}/_stcore/stream"
        origin, protocols = Origin(self.server.url), [Subprotocol("streamlit")]
        return connect(
            address, origin=origin, subprotocols=protocols, max_size=None, additional_headers=headers, proxy=None
        )

    @contextmanager
    def page(self, cookie: str) -> Iterator[str]:
        """The id of what it has on the server."""
        with self.connect(cookie) as page:
            page.send(BackMsg(rerun_script=ClientState()).SerializeToString())
            while (message := heard(page)).WhichOneof("type") != "new_session":
                pass
            yield message.new_session.initialize.session_id

    def memory(self) -> int:
        return int(psutil.Process(self.server.process.pid).memory_info().rss)


def heard(page: ClientConnection) -> Any:
    said = page.recv(timeout=20)
    assert isinstance(said, bytes)
    return ForwardMsg.FromString(said)


def form(size: int) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n'
    return head + b"x" * size + b"\r\n--b--\r\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("house") / "data"
    data.mkdir()
    url = f"sqlite:///{data / 'app.db'}"
    store = open_store(url)
    people = [Person(Rows(store).person(name), name, "operator") for name in ("Ada", "Bob")]
    joined = User.__table__.update().values(joined_at=now(), role="admin")
    store.write(lambda connection: connection.execute(joined).close()).result()
    visit = Visit("127.0.0.1")
    ada, bob = (store.write(lambda c, p=p: open_session(c, p, visit)).result().cookie for p in people)  # type: ignore[misc]
    store.close()
    with served(data, AUTH="accounts", SIMULATOR_PACE="0", UPLOAD_MEGABYTES="60") as server:
        yield House(server, url, (ada, bob))


def _signed_out_and_in_again(house: House, cookie: str) -> str:
    store = open_store(house.url)
    try:
        person = Sessions(store).check(cookie).person
        Sessions(store).sign_out(cookie)
        return store.write(lambda connection: open_session(connection, person, Visit("127.0.0.1"))).result().cookie
    finally:
        store.close()


def test_g1_strangers_cost_nothing_whatever_they_knock_at(house: House) -> None:
    ada, _ = house.cookies
    with house.page(ada) as room:
        before = house.memory()
        for _ in range(STRANGERS):
            with pytest.raises(InvalidStatus) as refused:
                house.connect()
            assert refused.value.response.status_code == 401
        for n in range(UPLOADS):
            assert house.status("PUT", f"/_stcore/upload_file/{room}/{n}", "", form(MEGABYTE)) in (REFUSED, 401, 429)
        assert house.status("GET", "/media/a.png") == 401
        assert house.memory() - before < 100 * MEGABYTE
        assert house.status("PUT", f"/_stcore/upload_file/{room}/own", ada, form(MEGABYTE)) == 204


def test_g1_uploads_are_their_owners_bounded_and_freed_at_sign_out(house: House) -> None:
    ada, bob = house.cookies
    with house.page(ada) as room, house.page(bob) as other:
        statuses = [house.status("PUT", f"/_stcore/upload_file/{room}/{n}", ada, form(19 * MEGABYTE)) for n in range(5)]
        assert statuses == [204, 204, 204, 429, 429]
        assert house.status("PUT", f"/_stcore/upload_file/{room}/1", bob, form(10)) == 404
        assert house.status("DELETE", f"/_stcore/upload_file/{room}/0", bob) == 404
        assert house.status("DELETE", f"/_stcore/upload_file/{room}/0", ada) == 204
        assert house.status("PUT", f"/_stcore/upload_file/{other}/1", bob, form(10)) == 204
        again = _signed_out_and_in_again(house, ada)
        assert house.status("PUT", f"/_stcore/upload_file/{room}/5", ada, form(10)) == 401
        assert house.status("GET", "/media/a.png", ada) == 401
        with house.page(again) as new:
            assert house.status("PUT", f"/_stcore/upload_file/{new}/1", again, form(19 * MEGABYTE)) == 204
            eventually(lambda: house.status("PUT", f"/_stcore/upload_file/{new}/2", again, form(19 * MEGABYTE)) == 204)
