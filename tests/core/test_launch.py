"""Launching: one clear sentence where it cannot begin, and an orderly end where it has begun."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection as Line
from pathlib import Path

import psutil
import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from core import launch
from core.errors import SetupError
from core.launch import check_data_dir, check_port
from tests.forked import forked
from tests.house_rules import PROJECT
from tests.served import LAUNCH, clean_environment, free_port, served


def _refusal(**settings: str) -> str:
    """What a launch that cannot begin says."""
    run = subprocess.run(
        LAUNCH, cwd=PROJECT, env=clean_environment(**settings), capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stdout) == (1, "")
    [sentence] = run.stderr.splitlines()
    return sentence


def test_a_bad_setting_is_one_sentence() -> None:
    assert _refusal(PORT="http").startswith("Command Center did not start. The setting PORT is not usable: ")


@pytest.mark.parametrize("beside", [{}, {"AUTH": "accounts"}])
def test_t26_it_does_not_start_where_strangers_could_come_in(beside: dict[str, str]) -> None:
    assert "people must sign in" in _refusal(PORT=str(free_port()), BIND_ADDRESS="0.0.0.0", **beside)


def test_a_busy_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert _refusal(PORT=str(port)) == (
            f"Command Center did not start. Port {port} is in use already: "
            f"stop what listens there, or choose another with PORT={port + 1}."
        )


@pytest.mark.parametrize("let_go_after", [1, 4, None], ids=["soon", "later", "never"])
def test_c6_a_port_that_an_orphan_holds_is_waited_for_and_named_if_it_is_not_let_go(let_go_after: int | None) -> None:
    """As after kill -9 of a server: a child that has its socket lives on for some seconds."""
    with forked(_server_with_a_child) as server:
        port, orphan = server.said()
        server.process.kill()
        server.ended()
    try:
        tries, said = _tries(port, orphan, let_go_after)
    finally:
        with suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGKILL)
    in_use = f"Port {port} is in use already: stop what listens there, or choose another with PORT={port + 1}."
    assert said == (in_use if let_go_after is None else "free")
    assert tries >= (let_go_after or 2)


def _tries(port: int, orphan: int, let_go_after: int | None) -> tuple[int, str]:
    """How often a start found the port in use, of which the orphan goes after some, and what it said in the end."""
    with forked(_checking, port, 60.0 if let_go_after else 0.7) as starting:
        for tries in count():
            if (said := starting.said()) != "in use":
                return tries, said
            if tries + 1 == let_go_after:
                os.kill(orphan, signal.SIGKILL)
    raise AssertionError("it goes on for ever")


def _server_with_a_child(line: "Line[tuple[int, int], None]") -> None:
    """Listens, and says where and which child of it does, too."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        child = os.fork()
        if child:
            line.send((listening.getsockname()[1], child))
        signal.pause()


def _checking(line: "Line[str, None]", port: int, seconds: float) -> None:
    """A start, as far as the port; says whenever it is in use."""

    def wait(pause: float) -> None:
        line.send("in use")
        time.sleep(pause)

    for name, value in (("sleep", wait), ("BIND_SECONDS", seconds)):
        setattr(launch, name, value)
    try:
        check_port("127.0.0.1", port)
    except SetupError as error:
        line.send(error.for_user)
    else:
        line.send("free")


def test_an_unwritable_data_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "data"
    assert _refusal(PORT=str(free_port()), DATA_DIR=str(folder)) == (
        f"Command Center did not start. The folder {folder} cannot be written (Not a directory): "
        "let this user write there, or name another with DATA_DIR."
    )


@pytest.mark.parametrize("url", ["postgresql+psycopg://app:pass-word@127.0.0.1:{port}/books", "nonsense"])
def test_a_database_that_cannot_be_used_is_one_sentence(tmp_path: Path, url: str) -> None:
    port = free_port()
    said = _refusal(PORT=str(port), DATA_DIR=str(tmp_path), DATABASE_URL=url.format(port=free_port()))
    assert said.startswith("Command Center did not start. ")
    assert "pass-word" not in said


def test_a_free_port_passes_and_a_forbidden_address_does_not() -> None:
    port = free_port()
    check_port("127.0.0.1", port)
    with pytest.raises(SetupError, match=f"Nothing can listen on 192.0.2.1 port {port}"):
        check_port("192.0.2.1", port)


def test_a_data_folder_is_created(tmp_path: Path) -> None:
    check_data_dir(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_it_serves_on_loopback_only_and_ends_well_on_a_signal_with_a_page_open(tmp_path: Path) -> None:
    with served(tmp_path / "data") as server:
        with urllib.request.urlopen(f"{server.url}/_stcore/health") as answer:
            assert answer.read() == b"ok"
        listening = {at.laddr for at in psutil.Process(server.process.pid).net_connections() if at.status == "LISTEN"}
        assert {at.ip for at in listening} == {"127.0.0.1"}
        with connect(f"ws{server.url.removeprefix('http')}/_stcore/stream", origin=Origin(server.url)):
            assert server.stop(signal.SIGTERM, timeout=25) == 0
        events = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert [event["event"] for event in events] == ["database_upgraded", "ready", "stopped"]
    assert events[1]["url"] == server.url
    _starts_again_until_an_interrupt(tmp_path)


def _starts_again_until_an_interrupt(tmp_path: Path) -> None:
    with served(tmp_path / "data") as server:
        assert server.stop(signal.SIGINT, timeout=25) == 0
        events = [json.loads(line)["event"] for line in server.log.read_text().splitlines()]
    assert events == ["ready", "stopped"]
