"""The registry of MCP servers on both databases: what is refused and why, and that secrets stay inside."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.access.audit import Audit
from core.access.encryption import EncryptionKeys
from core.access.local import local_person
from core.access.roles import Person
from core.agent.mcp.server import McpServer
from core.errors import InputError, NotFound
from core.registry.mcp_registry import McpRegistry, McpServerDraft
from core.store.database import Store

STDIO = McpServerDraft("people", "stdio", command="python", args=("-m", "x", ""), secrets={"KEY": "hunter2-é"})
HTTP = McpServerDraft("wiki", "http", url="https://wiki.example.com:8443/mcp", secrets={"X-Key": "hunter2"})


@pytest.fixture
def keys(tmp_path: Path) -> EncryptionKeys:
    return EncryptionKeys(None, tmp_path / "encryption.keys")


@pytest.fixture
def registry(store: Store, keys: EncryptionKeys) -> McpRegistry:
    return McpRegistry(store, keys)


@pytest.fixture
def me(store: Store) -> Person:
    return local_person(store)


def test_what_is_registered_reaches_the_connections_whole(registry: McpRegistry, me: Person) -> None:
    people, wiki = registry.register(me, STDIO), registry.register(me, HTTP)
    assert registry.active() == (
        McpServer(people.id, "people", "stdio", "python", ("-m", "x", ""), env={"KEY": "hunter2-é"}),
        McpServer(wiki.id, "wiki", "http", url=HTTP.url, headers={"X-Key": "hunter2"}),
    )
    assert registry.list(me) == [people, wiki]
    assert (people.created_by, people.active, people.secret_names) == ("Local admin", True, ("KEY",))


def test_no_view_and_no_draft_shows_a_secret(registry: McpRegistry, me: Person) -> None:
    view = registry.register(me, STDIO)
    assert "hunter2" not in repr((view, registry.active(), STDIO, HTTP))


def test_only_active_servers_are_connected(registry: McpRegistry, me: Person) -> None:
    view = registry.register(me, STDIO)
    registry.set_active(me, view.id, False)
    assert (registry.active(), registry.get(me, view.id).active) == ((), False)
    registry.set_active(me, view.id, True)
    assert [server.id for server in registry.active()] == [view.id]


def test_a_change_keeps_the_secrets_it_names_without_a_value(registry: McpRegistry, me: Person) -> None:
    view = registry.register(me, replace(STDIO, secrets={"KEY": "one", "OLD": "two"}))
    registry.change(me, view.id, replace(STDIO, name="staff", args=(), secrets={"KEY": None, "NEW": "three"}))
    [server] = registry.active()
    assert (server.name, server.args, server.env) == ("staff", (), {"KEY": "one", "NEW": "three"})


@pytest.mark.parametrize("elsewhere", [{"url": "https://evil.example.com/mcp"}, {"transport": "stdio", "command": "x"}])
def test_a_kept_secret_goes_nowhere_else(registry: McpRegistry, me: Person, elsewhere: dict[str, str]) -> None:
    view = registry.register(me, replace(HTTP, secrets={"KEY": "hunter2"}))
    with pytest.raises(InputError, match="Enter the value of KEY"):
        registry.change(me, view.id, replace(HTTP, secrets={"KEY": None}, **elsewhere))  # type: ignore[arg-type]
    assert registry.get(me, view.id) == view


def test_a_removed_server_is_gone(registry: McpRegistry, me: Person) -> None:
    view = registry.register(me, STDIO)
    registry.remove(me, view.id)
    assert (registry.list(me), registry.active()) == ([], ())
    assert registry.register(me, STDIO).id != view.id


@pytest.mark.parametrize(
    "act",
    [
        lambda registry, me: registry.get(me, "x\0"),
        lambda registry, me: registry.change(me, "x\0", STDIO),
        lambda registry, me: registry.remove(me, "x\0"),
        lambda registry, me: registry.set_active(me, "x\0", False),
    ],
)
def test_an_unknown_server_is_not_found(
    registry: McpRegistry, me: Person, act: Callable[[McpRegistry, Person], object]
) -> None:
    with pytest.raises(NotFound):
        act(registry, me)


@pytest.mark.parametrize("name", ["people", " PEOPLE ", "people_", "_people"])
def test_names_that_tools_could_not_be_told_apart_by_are_refused(registry: McpRegistry, me: Person, name: str) -> None:
    registry.register(me, STDIO)
    other = registry.register(me, HTTP)
    with pytest.raises(InputError, match="named “people” already"):
        registry.register(me, replace(STDIO, name=name))
    with pytest.raises(InputError, match="named “people” already"):
        registry.change(me, other.id, replace(HTTP, name=name))


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        (replace(STDIO, name=" "), "needs a letter"),
        (replace(STDIO, name="äöü"), "needs a letter"),
        (replace(STDIO, name="x" * 41), "at most 40"),
        (replace(STDIO, command=" "), "command is empty"),
        (replace(STDIO, command="a\0b"), "The command has the character NUL at place 2"),
        (replace(STDIO, args=("x",) * 101), "at most 100"),
        (replace(STDIO, args=("x" * 4001,)), "at most 4,000"),
        (replace(STDIO, secrets={"A=B": "x"}), "environment variable"),
        (replace(STDIO, secrets={"": "x"}), "environment variable"),
        (replace(STDIO, secrets={"A": "\0"}), "value of A"),
        (replace(STDIO, secrets={"A": None}), "Enter the value of A"),
        (replace(STDIO, secrets={f"A{number}": "x" for number in range(51)}), "at most 50"),
        (replace(STDIO, transport="pigeon"), "stdio or http"),  # type: ignore[arg-type]
        (replace(HTTP, url=""), "URL is not usable"),
        (replace(HTTP, url="ftp://x/mcp"), "URL is not usable"),
        (replace(HTTP, url="https://"), "URL is not usable"),
        (replace(HTTP, url="https://x:port/"), "URL is not usable"),
        (replace(HTTP, url="https://[x/"), "URL is not usable"),
        (replace(HTTP, url="https://me:pass@x/"), "Give them as a header"),
        (replace(HTTP, secrets={"X Y": "x"}), "name of a header"),
        (replace(HTTP, secrets={"X": "a\nb"}), "cannot be sent in a header"),
        (replace(HTTP, secrets={"X": ""}), "cannot be sent in a header"),
        (replace(HTTP, secrets={"X": "é"}), "cannot be sent in a header"),
        (replace(HTTP, secrets={"x": "1", "X": "2"}), "given twice"),
    ],
)
def test_a_bad_draft_is_refused_with_what_to_mend(
    sqlite_store: Store, keys: EncryptionKeys, draft: McpServerDraft, said: str
) -> None:
    registry = McpRegistry(sqlite_store, keys)
    with pytest.raises(InputError, match=said):
        registry.register(local_person(sqlite_store), draft)
    assert registry.known() == []


def test_who_changed_what_is_written_down_without_secrets(registry: McpRegistry, me: Person, store: Store) -> None:
    view = registry.register(me, HTTP)
    registry.change(me, view.id, replace(HTTP, url="https://wiki.example.com/two?key=hunter2"))
    registry.set_active(me, view.id, False)
    registry.remove(me, view.id)
    with pytest.raises(NotFound):
        registry.remove(me, view.id)
    entries = Audit(store).list(me)
    assert [entry.action for entry in entries] == ["removed", "deactivated", "changed", "registered"]
    assert {(entry.subject_id, entry.detail["name"]) for entry in entries} == {(view.id, "wiki")}
    assert entries[-1].detail == {"name": "wiki", "reached_at": "wiki.example.com", "secrets": ["X-Key"]}
    assert "hunter2" not in repr(entries)
