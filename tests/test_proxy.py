"""The README's configuration of nginx, tried out: TLS, the pages' socket, streams event by event, sign-in."""

import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import trustme
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.house_rules import PROJECT
from tests.served import Served, free_port, served_at_once

_NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


@dataclass(frozen=True)
class Site:
    url: str
    tls: ssl.SSLContext
    servers: tuple[Served, ...]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two processes behind nginx, each with a database of its own, which is enough to see who answers."""
    folder, port, authority = tmp_path_factory.mktemp("proxy"), free_port(), trustme.CA()
    url, tls = f"https://localhost:{port}", ssl.create_default_context()
    authority.configure_trust(tls)
    with ExitStack() as stack:
        servers = tuple(
            stack.enter_context(served_at_once(folder / f"data-{number}", PUBLIC_URL=url)) for number in range(2)
        )
        configuration = in_place(folder, port, servers, authority.issue_cert("localhost"))
        stack.enter_context(nginx(folder, configuration, url, tls))
        yield Site(url, tls, servers)


def in_place(folder: Path, port: int, servers: tuple[Served, ...], certificate: trustme.LeafCert) -> str:
    """Return the README's block with the ports, names and files of this machine in it."""
    block: str
    [block] = re.findall(r"```nginx\n(.*?)```", (PROJECT / "README.md").read_text("utf-8"), re.DOTALL)
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "site.pem")
    changes = {
        "listen 443": f"listen 127.0.0.1:{port}",
        "costs.example.org;": "localhost;",
        "/etc/ssl/costs.example.org.pem": str(folder / "site.pem"),
        "/etc/ssl/costs.example.org.key": str(folder / "site.pem"),
        **{f":{8501 + n}": f":{each.url.rpartition(':')[2]}" for n, each in enumerate(servers)},
    }
    for said, ours in changes.items():
        assert block.count(said) == 1, said
        block = block.replace(said, ours)
    return block


@contextmanager
def nginx(folder: Path, site: str, url: str, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    paths = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"pid {folder}/pid; error_log {folder}/error.log; events {{}} http {{ access_log off; {paths} {site} }}"
    path = folder / "nginx.conf"
    path.write_text(whole)
    command = [_NGINX, "-e", str(folder / "error.log"), "-c", str(path), "-g", "daemon off;"]
    process = subprocess.Popen(command)
    try:
        _await(url, tls, lambda: process.poll() is None, folder / "error.log")
        yield
    finally:
        process.terminate()
        process.wait(30)


def _await(url: str, tls: ssl.SSLContext | None, lives: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 30
    with httpx2.Client(verify=tls or True) as http:
        while True:
            try:
                http.get(f"{url}/healthz").raise_for_status()
            except httpx2.TransportError:
                assert lives(), log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return


def test_j1_pages_their_socket_and_messages_pass_the_proxy(site: Site) -> None:
    with httpx2.Client(base_url=site.url, verify=site.tls, timeout=30) as http:
        page = http.get("/")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        [agent, *_] = http.get("/api/agents").json()["data"]
        said = http.post("/chat", json={"agentId": agent["id"], "message": "[[say: Through it]]"})
        assert said.json()["reply"] == "Through it"
    socket = f"{site.url.replace('https', 'wss')}/_stcore/stream"
    with connect(socket, ssl=site.tls, origin=Origin(site.url), subprotocols=["streamlit"]) as pages:  # type: ignore[list-item]
        assert pages.response is not None
        assert pages.response.status_code == 101
    with pytest.raises(Exception, match="403"):
        connect(socket, ssl=site.tls, origin=Origin("https://elsewhere.example")).close()


def test_j1_a_stream_comes_event_by_event_through_the_proxy(site: Site) -> None:
    """The first piece is there while the answer still has to be stopped to end at all."""
    with httpx2.Client(base_url=site.url, verify=site.tls, timeout=30) as http:
        [agent, *_] = http.get("/api/agents").json()["data"]
        body = {"agentId": agent["id"], "message": "[[tokens: 100000]] [[first: 0]] [[rate: 20]]"}
        with http.stream("POST", "/api/command-center/message", json=body) as answer:
            pieces, said = answer.iter_text(), ""
            while "event: chunk" not in said:
                said += next(pieces)
            [trace] = re.findall(r'"taskTraceId": ?"([^"]+)"', said)[:1]
            http.post(f"/api/command-center/{trace}/stop").raise_for_status()


def test_j1_another_name_is_not_answered_through_the_proxy(site: Site) -> None:
    with httpx2.Client(base_url=site.url, verify=site.tls, timeout=30) as http:
        assert http.get("/api/agents", headers={"Host": "elsewhere.example"}).status_code == 400
