"""The traces page: every turn, newest first, exact, a page at a time, and nothing that a spreadsheet would run."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from core.clock import now
from core.events import TurnEnded
from core.money import NANOS_PER_USD, exact_usd, show_usd
from core.store.tables import TraceSpan
from tests.core.acts import Acts, Errand, an_errand
from tests.core.books.in_store import rows
from tests.core.chat.conftest import ended
from tests.core.chat.test_database_faults import wait_until
from tests.core.rows import AT, Rows
from tests.pages.screen import become, button, healthy, new_agent, open_app, press, services, words

PAGE_ROWS = 50


def turn(text: str = "[[say: Yes.]]", agent_id: str | None = None) -> TurnEnded:
    agent_id = agent_id or services().agents.list(services().me)[0].id
    return ended(services().turns.send(owner=services().me, agent_id=agent_id, text=text))


def column(app: AppTest, name: str) -> list[Any]:
    return list(app.dataframe[0].value[name])


def test_without_turns_the_page_says_where_they_come_from() -> None:
    app = open_app("traces")
    assert "what is sent on Chat appears here" in app.info[0].value
    assert not app.dataframe


def test_traces_are_listed_newest_first_with_exact_costs() -> None:
    open_app("traces")
    ends = [turn("[[say: One.]]"), turn("[[tokens: 40]]"), turn("[[fault: cut after 5]] [[tokens: 50]]")]
    app = open_app("traces")
    assert column(app, "Trace") == [row.id for row in services().traces.page(services().me)]
    assert [Decimal(cost) * NANOS_PER_USD for cost in column(app, "Cost, USD")] == [end.total for end in ends[::-1]]
    assert column(app, "Basis") == ["estimated", "computed", "computed"]
    assert column(app, "Status") == ["failed", "completed", "completed"]
    assert column(app, "Output") == [end.usage.output for end in ends[::-1]]
    assert column(app, "Error") == ["stream_cut", "", ""]
    started = column(app, "Started")
    assert started == sorted(started, reverse=True)
    assert "1–3 · 3 ended turns" in words(app)


def test_an_unknown_cost_is_never_a_figure() -> None:
    open_app("traces")
    turn("[[speed: fast]]")
    app = open_app("traces")
    assert (column(app, "Cost, USD"), column(app, "Basis")) == (["unknown"], ["unpriced"])


def test_b2_what_is_to_be_reconciled_says_what_it_can_have_cost_at_the_most() -> None:
    app = open_app("traces")
    agent = services().agents.list(services().me)[0].id
    unanswered = services().turns.send(owner=services().me, agent_id=agent, text="[[fault: unanswered]]")
    [sent] = wait_for_sent(unanswered.id)
    unanswered.stop()
    ended(unanswered)
    app = open_app("traces")
    [listed] = [each for each in app.dataframe if "At most" in each.value]
    assert list(listed.value["Trace"]) == [unanswered.id]
    assert list(listed.value["At most"]) == [show_usd(sent["most_nanos"])]


def wait_for_sent(trace: str) -> list[Any]:
    wait_until(lambda: bool(rows(services().store, TraceSpan, task_trace_id=trace)[0]["sent_at"]))
    return rows(services().store, TraceSpan, task_trace_id=trace)


def test_nothing_of_what_was_said_is_shown() -> None:
    open_app("traces")
    turn("[[say: A secret answer.]] A secret question")
    assert "secret" not in open_app("traces").dataframe[0].value.to_csv()


@pytest.mark.parametrize("name", ["=1+1", "+SUM(A1)", "-2", "@x", "＝HYPERLINK(1)"])
def test_names_are_not_taken_for_formulas(name: str) -> None:
    open_app("traces")
    turn(agent_id=new_agent(name).id)
    assert column(open_app("traces"), "Agent") == [f"'{name}"]


def test_the_address_says_which_traces_are_listed() -> None:
    open_app("traces")
    failed, _ = turn("[[fault: permission]] Why?"), turn("[[say: Yes.]] Is it an invoice?")
    app = open_app("traces", status="failed")
    assert (column(app, "Status"), column(app, "Error")) == (["failed"], ["permission_error"])
    assert "1–1 · 1 ended turn," in words(app)
    assert failed.total == 0
    app = open_app("traces", q="invo")
    assert column(app, "Status") == ["completed"]
    assert "1–1, newest first" in words(app)
    assert not open_app("traces", q="nothing like that").dataframe


def test_traces_are_shown_a_page_at_a_time() -> None:
    open_app("traces")
    for _ in range(PAGE_ROWS + 2):
        turn()
    ids = [row.id for row in services().traces.page(services().me, limit=100)]
    app = open_app("traces")
    assert column(app, "Trace") == ids[:PAGE_ROWS]
    assert f"1–{PAGE_ROWS} · {PAGE_ROWS + 2} ended turns" in words(app)
    press(app, "Older")
    assert column(app, "Trace") == ids[PAGE_ROWS:]
    assert f"{PAGE_ROWS + 1}–{PAGE_ROWS + 2} · {PAGE_ROWS + 2} ended turns" in words(app)
    assert button(app, "Older").disabled
    press(app, "Newer")
    assert column(app, "Trace") == ids[:PAGE_ROWS]
    assert button(app, "Newer").disabled


def one(trace_id: str, **query: str) -> AppTest:
    return open_app("traces", trace=trace_id, **query)


def test_a_trace_has_an_address_of_its_own() -> None:
    open_app("traces")
    end = turn("A question [[say: A hidden answer.]]\nand a second line")
    [row] = services().traces.page(services().me)
    app = one(row.id)
    assert "A question" in words(app)
    assert "second line" not in words(app)
    assert words(app).count("hidden answer") == 1
    assert app.metric[0].value.replace("\\", "") == show_usd(end.total)
    steps, ledger = (frame.value for frame in app.dataframe)
    assert list(steps["Cost, USD"]) == [exact_usd(end.total or 0)]
    amounts = [Decimal(amount) for amount in ledger["Amount, USD"]]
    assert sum(amounts) * NANOS_PER_USD == end.total
    assert all(source.startswith("https://") for source in ledger["Price source"])
    total = exact_usd(end.total or 0)
    assert f"**Request**: 1 session = \\${total}" in words(app)
    assert f"**Attempt 1**: {len(amounts)} ledger lines = \\${total}" in words(app)


def test_failed_and_unpriced_traces_say_why() -> None:
    open_app("traces")
    turn("[[fault: permission]] Why?")
    turn("[[speed: fast]]")
    unpriced, failed = services().traces.page(services().me)
    app = one(failed.id)
    assert "not billed\\: the provider refused the request" in words(app)
    assert "**Attempt 1**: nothing billed = \\$0.000000000" in words(app)
    assert "Nothing was billed." in words(app)
    app = one(unpriced.id)
    assert app.metric[0].value == "unknown"
    assert "**Request**: 1 session, not all of known cost" in words(app)
    assert set(app.dataframe[1].value["Amount, USD"]) == {"unknown"}


def an_acting_trace(owner: str | None = None, at: datetime = AT) -> Errand:
    rows, me = Rows(services().store), owner or services().me.id
    master, *others = (rows.agent(me, name) for name in ("Lead <b>", "Researcher", "Archivist"))
    acts = Acts(services().store, me, master, rows.conversation(me, master), at)
    return an_errand(acts, *others)


def test_tools_consent_and_other_agents_are_told_and_all_adds_up() -> None:
    open_app("traces")
    errand = an_acting_trace()
    app = one(errand.trace)
    agents, steps, tools, ledger = (frame.value for frame in app.dataframe)
    assert list(agents["Agent"]) == ["Lead <b>", "Researcher (2)", "Archivist (3)"]
    assert list(agents["Asked by"]) == ["Local admin", "ask Researcher", "ask Archivist (2)"]
    assert sum(map(Decimal, agents["Cost, USD"])) == Decimal("0.000012342")
    assert list(steps["Step"]) == list(ledger["Step"])
    assert list(tools["Tool"])[:3] == ["calculator", "fetch_url 1", "fetch_url 2"]
    assert list(tools["Result"])[:2] == ["2 B", "52.4 MB, cut at 20.0 kB"]
    assert list(tools["Waited"])[:3] == ["", "1.5 s", "900 ms"]
    assert list(tools["Consent"])[1:3] == ["approved by Local admin", "denied by Local admin: Not <b>this</b> site"]
    assert [metric.value for metric in app.metric if metric.label == "Calls + tools"] == ["6 + 5"]
    assert "**Request**: 3 sessions = \\$0.000012342" in words(app)
    assert "**Lead \\<b\\>**: 7 steps = \\$0.000012000" in words(app)


def test_of_a_turn_that_runs_what_is_booked_so_far_is_told() -> None:
    open_app("traces")
    me, agent = services().me.id, services().agents.active()[0].id
    acts = Acts(services().store, me, agent, Rows(services().store).conversation(me, agent))
    acts.call(acts.session(agent, 0, 900), 1, 0, 300, cost=2_345_678_901)
    app = one(acts.write(status="running", cost_nanos=None, cost_basis=None, ended_at=None, duration_ms=None))
    assert app.metric[0].value == r"\$2.35 so far"
    assert any(r"**\$2.345678901** is booked so far" in caption.value for caption in app.caption)


def test_of_a_chosen_agent_or_model_its_own_calls_are_summed_up() -> None:
    open_app("traces")
    plain, errand = turn(), an_acting_trace(at=now())
    researcher = services().traces.detail(services().me, errand.trace).sessions[1]
    ids = {name: id_ for id_, name in services().costs.names(services().me).agent.items()}
    app = open_app("traces", agent=ids["Researcher"])
    assert column(app, "Trace") == [errand.trace]
    assert column(app, "Cost, USD") == ["0.000012342"]
    assert "1–1 · 2 model calls of the chosen agent, \\$0.000000302 in all" in words(app)
    app = open_app("traces", agent=ids["Lead <b>"], model=[researcher.model, "claude-sonnet-5-5"])
    assert "1–1 · 3 model calls of the chosen agent and the chosen models, \\$0.00001200 in all" in words(app)
    assert f"2 ended turns, {show_usd((plain.total or 0) + 12_342)} in all" in words(open_app("traces")).replace(
        "\\", ""
    )


def test_what_a_tool_was_given_and_gave_is_read_when_it_is_opened() -> None:
    open_app("traces")
    errand = an_acting_trace()
    app = one(errand.trace)
    assert "6*7" not in words(app)
    app.session_state[f"tool-{errand.spans['calculator']}"] = True
    assert '"expression": "6*7"' in words(healthy(app.run()))


def test_finance_sees_nothing_of_what_went_into_a_tool() -> None:
    open_app("traces")
    errand = an_acting_trace(services().me.id)
    become("finance")
    app = one(errand.trace)
    assert "Finance cannot read" in words(app)
    assert not [each for each in app.expander if "input and output" in each.label]
    consent = list(app.dataframe[2].value["Consent"])
    assert consent[2].startswith("denied by")
    assert "this" not in str(consent)


def test_an_unknown_trace_is_said_to_be_unknown_and_there_is_a_way_back() -> None:
    open_app("traces")
    turn()
    app = one("nothing", status="completed")
    assert "There is no such trace" in app.error[0].value
    press(app, "All traces")
    assert app.query_params == {"status": "completed"}
    assert column(app, "Status") == ["completed"]


def test_times_are_told_in_the_readers_zone() -> None:
    open_app("traces")
    turn()
    [row] = services().traces.page(services().me)
    at = row.started_at.astimezone(ZoneInfo("Asia/Kolkata"))
    assert f"{at:%Y-%m-%d %H:%M:%S} Asia/Kolkata" in words(one(row.id, zone="Asia/Kolkata"))
    assert f"{row.started_at:%Y-%m-%d %H:%M:%S} UTC" in words(one(row.id, zone="Nowhere"))


def test_a_deleted_conversation_leaves_its_figures() -> None:
    open_app("traces")
    turn("[[say: Yes.]] Forget this")
    [row] = services().traces.page(services().me)
    services().conversations.delete(services().me, row.conversation_id or "")
    app = one(row.id)
    assert "The conversation was deleted" in words(app)
    assert "Forget this" not in words(app)
    assert "**Request**: 1 session" in words(app)


def test_a_database_that_cannot_be_used_is_told_in_a_sentence() -> None:
    open_app("traces")
    turn()
    services().store.engine.dispose()
    database = services().settings.data_dir / "app.db"
    for part in (database, database.with_name("app.db-wal"), database.with_name("app.db-shm")):
        part.unlink(missing_ok=True)
    database.mkdir()
    app = open_app("traces")
    assert [error.value.split("**")[1] for error in app.error] == ["The database cannot be used."]
    assert not app.dataframe
