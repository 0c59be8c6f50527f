"""A Python client that a generator made of our document, nobody's hand: its results and errors are typed ones."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.served import Served, served_at_once

_PACKAGE = "generated_command_center"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_at_once(tmp_path_factory.mktemp("generated") / "data", SIMULATOR_PACE="0") as server:
        yield server


class Generated:
    """``call`` gives what an operation of the client returns, ``model`` a class of it."""

    def __init__(self, url: str) -> None:
        package = importlib.import_module(_PACKAGE)
        self.client = package.AuthenticatedClient(base_url=url, token="none-is-needed", timeout=60)
        self.client.raise_on_unexpected_status = True

    def operation(self, tag: str, name: str) -> ModuleType:
        return importlib.import_module(f"{_PACKAGE}.api.{tag}.{name}")

    def call(self, tag: str, name: str, *path: str, **asked: Any) -> Any:
        return self.operation(tag, name).sync(*path, client=self.client, **asked)

    def model(self, name: str) -> Any:
        return getattr(importlib.import_module(f"{_PACKAGE}.models"), name)


@pytest.fixture(scope="module")
def generated(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generated]:
    """Whatever of the document the generator cannot make something of is an error."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "config.yml").write_text("post_hooks: []\n")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning", "--meta", "none"]
    command += ["--url", f"{server.url}/api/openapi.json", "--config", str(folder / "config.yml")]
    run = subprocess.run(
        [*command, "--output-path", str(folder / _PACKAGE)],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "arning" not in run.stdout + run.stderr
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(folder))
        made = Generated(server.url)
        yield made
        made.client.get_httpx_client().close()
    for name in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
        del sys.modules[name]


def test_i5_a_generated_client_asks_and_reads_what_it_came_to(generated: Generated) -> None:
    agents = generated.call("agents", "list_agents").data
    assert isinstance(agents[0], generated.model("Agent"))
    message = generated.model("NewMessage")(agent_id=agents[0].id, message="[[say: Generated]]")
    reply = generated.call("messages", "send_and_wait", body=message, idempotency_key="generated-1")
    assert isinstance(reply, generated.model("Reply"))
    again = generated.call("messages", "send_and_wait", body=message, idempotency_key="generated-1")
    assert again.task_trace_id == reply.task_trace_id
    conversation = generated.call("conversations", "read_conversation", reply.conversation_id).data
    assert isinstance(conversation, generated.model("ConversationDetail"))
    said = generated.call("conversations", "list_messages", reply.conversation_id).data
    assert [each.role.value for each in said] == ["user", "assistant"]
    trace = generated.call("traces", "read_trace", reply.task_trace_id).data
    assert isinstance(trace, generated.model("TraceDetail"))
    lines = trace.ledger
    assert lines
    assert all(isinstance(line, generated.model("LedgerLine")) for line in lines)
    page = generated.call("traces", "list_traces", limit=1)
    assert [each.id for each in page.data] == [reply.task_trace_id]
    costs = generated.call("costs", "read_costs", by=generated.model("ReadCostsBy")("model"))
    assert isinstance(costs, generated.model("Costs")) or isinstance(costs.data, generated.model("Costs"))


def test_i5_every_reading_operation_of_the_client_answers_with_a_type_of_its_own(generated: Generated) -> None:
    for tag, name in (
        ("costs", "list_budgets"),
        ("conversations", "list_conversations"),
        ("exports", "list_files"),
        ("traces", "list_unconfirmed"),
        ("signing_in", "who_am_i"),
        ("operations", "is_alive"),
        ("operations", "is_ready"),
    ):
        found = generated.call(tag, name)
        assert type(found).__module__.startswith(f"{_PACKAGE}.models"), (tag, name, found)
        assert not isinstance(found, generated.model("Problem")), (tag, name)


def test_i5_errors_of_a_generated_client_are_problems_with_a_stable_code(generated: Generated) -> None:
    problem = generated.model("Problem")
    lost = generated.call("traces", "read_trace", "nothing")
    assert isinstance(lost, problem)
    assert (lost.status, lost.code) == (404, "not_found")
    message = generated.model("NewMessage")(agent_id="nobody", message="Hello")
    refused = generated.call("messages", "send_and_wait", body=message)
    assert isinstance(refused, problem)
    assert refused.status == 404
    empty = generated.model("NewMessage")(agent_id="nobody", message="")
    wrong = generated.operation("messages", "send_and_wait").sync_detailed(client=generated.client, body=empty)
    assert isinstance(wrong.parsed, problem)
    assert 400 <= wrong.status_code.value < 500


def test_i5_a_stream_is_read_through_the_generated_clients_own_connection(generated: Generated) -> None:
    [agent, *_] = generated.call("agents", "list_agents").data
    message = generated.model("NewMessage")(agent_id=agent.id, message="[[say: Piece by piece]]")
    asked = generated.operation("messages", "send_message")._get_kwargs(body=message)
    with generated.client.get_httpx_client().stream(**asked) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
    events = [json.loads(line) for line in lines]
    assert "".join(each.get("text", "") for each in events if each.get("text"))
