"""A trace that ran elsewhere, of no agent, person or conversation that is known here, on the pages."""

from dataclasses import replace

from core.clock import now
from core.store.rollups import UNASSIGNED
from tests.core.books.test_sources import Elsewhere, a_trace
from tests.pages.screen import labelled, open_app, services, words
from tests.pages.test_traces import column, one, turn


def test_it_stands_among_ours_and_opens_without_a_conversation() -> None:
    open_app("traces")
    turn("[[say: Ours.]]")
    theirs = replace(a_trace(), started_at=now())
    Elsewhere(services().books).tell(theirs, calls=2)
    app = open_app("traces")
    assert column(app, "Agent")[0] == "No agent"
    assert column(app, "Person")[0] == "No person"
    opened = one(theirs.id)
    assert "Which files are there?" in words(opened)
    assert "No agent" in words(opened)
    assert "Conversation" not in opened.code[-1].value
    assert not any("Open the conversation" in str(each.proto) for each in opened.get("page_link"))


def test_costs_tells_and_filters_it() -> None:
    open_app("costs")
    Elsewhere(services().books).tell(replace(a_trace(), started_at=now()))
    app = open_app("costs", agent=UNASSIGNED)
    assert not app.warning
    assert r"\$0.005000" in [metric.value for metric in app.metric]
    assert "No agent" in labelled(app.multiselect, "Agent").options
    assert "No person" in labelled(app.multiselect, "Person").options
