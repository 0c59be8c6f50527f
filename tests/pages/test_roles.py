"""What each role finds on the pages, and what it is told where it may not go."""

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from core.access.roles import Permission, may
from core.clock import now
from pages.parts.places import PLACES
from tests.core.acts import Acts
from tests.core.rows import Rows
from tests.pages.screen import become, has_button, healthy, open_app, services, visit, words

CANARY = "Zwergspitzmaus"
CLOSED = {
    "operator": {"tools", "people", "audit", "settings"},
    "finance": {"tools", "people", "audit", "settings"},
    "admin": set[str](),
}


def bobs_talk() -> tuple[str, str]:
    """A conversation and a trace of somebody else's, with words everywhere."""
    rows = Rows(services().store)
    bob, agent = rows.person("Bob"), services().agents.active()[0].id
    conversation = rows.conversation(bob, agent, f"{CANARY} talk")
    acts = Acts(services().store, bob, agent, conversation, at=now())
    session = acts.session(agent, 0, 900)
    acts.call(session, 1, 0, 300, status="failed", error_type="api_error", error_text=f"bad {CANARY}")
    span = acts.tool(session, 1, "calculator", 300, 10, input=f'"{CANARY}"', output=CANARY, error_text=CANARY)
    acts.consent(span, "denied", bob, f"Not the {CANARY}")
    trace = acts.write(instruction=f"{CANARY} asked", error_type="api_error")
    rows.message(conversation, "user", f"{CANARY} asked", trace)
    return conversation, trace


def all_of(app: AppTest) -> Iterator[str]:
    """Everything that was sent to the browser."""
    for area in (app.main, app.sidebar):
        for element in area:
            yield str(getattr(element, "proto", ""))


@pytest.mark.parametrize("role", CLOSED)
def test_a_page_is_drawn_for_whom_it_is_and_refused_in_a_sentence_to_others(role: str) -> None:
    app = open_app()
    me = become(role)
    assert {place.name for place in PLACES if not may(me, place.needs)} == CLOSED[role]
    for place in PLACES:
        visit(app, place.name)
        refused = [each.value for each in app.error if "You may not" in each.value]
        assert bool(refused) == (place.name in CLOSED[role]), (place, refused)
        assert bool(app.error) == bool(refused), place
        assert all(f"You may not {place.needs}" in each.replace("\\", "") for each in refused), (place, refused)


def test_t4_finance_finds_no_word_of_others_on_any_page() -> None:
    open_app()
    conversation, trace = bobs_talk()
    become("finance")
    app = open_app(conversation=conversation)
    seen = list(all_of(app))
    for place in PLACES:
        seen += all_of(visit(app, place.name))
    seen += [*all_of(open_app("traces", trace=trace)), *all_of(open_app("traces", q=trace))]
    assert any("Bob" in each for each in seen)
    assert [each for each in seen if CANARY in each] == []
    assert "You can search for ids" in open_app("traces", q=CANARY).info[0].value
    become("admin")
    assert any(CANARY in each for each in all_of(open_app("traces", trace=trace)))


@pytest.mark.parametrize("role", ["operator", "finance", "admin"])
def test_t11_another_persons_conversation_is_told_as_one_that_is_not_there(role: str) -> None:
    open_app()
    conversation, _ = bobs_talk()
    become(role)
    theirs, nothing = open_app(conversation=conversation), open_app(conversation="nothing")
    assert (words(theirs), theirs.error[0].value) == (words(nothing), nothing.error[0].value)
    assert "Not there" in theirs.error[0].value
    assert not any(CANARY in each for each in all_of(theirs))


def test_t11_another_persons_trace_is_told_as_one_that_is_not_there() -> None:
    open_app()
    _, trace = bobs_talk()
    become("operator")
    theirs, nothing = open_app("traces", trace=trace), open_app("traces", trace="nothing")
    assert words(theirs) == words(nothing)
    assert "There is no such trace" in theirs.error[0].value


def test_an_operator_sees_own_costs_and_is_offered_nothing_else() -> None:
    open_app()
    bobs_talk()
    become("operator")
    for page in ("costs", "traces"):
        app = open_app(page)
        assert "of yours" in words(app) or "you spent" in words(app)
        assert "Bob" not in "".join(all_of(app))
        assert not {"Person"} & {each.label for each in app.multiselect}
        assert "Export" not in "".join(all_of(app))
        assert not app.dataframe
    app = open_app("agents")
    assert not any(has_button(app, label) for label in ("Edit", "New agent", "Deactivate now"))
    assert has_button(app, "Versions")


def test_a_role_that_is_lowered_holds_at_the_next_click() -> None:
    open_app()
    become("admin")
    app = open_app("agents")
    deactivate = next(each for each in app.button if each.label == "Deactivate now")
    become("operator")
    app = healthy(deactivate.click().run())
    assert f"You may not {Permission.AGENTS}" in app.error[0].value
    assert all(agent.active for agent in services().agents.active())
    assert len(services().agents.active()) == len(services().agents.list(services().me))
