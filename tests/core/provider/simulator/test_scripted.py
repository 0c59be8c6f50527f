"""Scripts for tests."""

from core.provider.simulator.scripted import Script, answer_events, failed, streamed
from tests.core.provider.simulator.requests import body, error, events, wire


def test_a_script_answers_in_order_and_keeps_what_it_was_asked() -> None:
    script = Script(streamed(answer_events("a")), failed(529, "overloaded_error", "Overloaded"))
    assert [script.answer(wire(body(word))).status for word in ("first", "second")] == [200, 529]
    assert [request.json()["messages"][0]["content"] for request in script.requests] == ["first", "second"]


def test_a_script_that_is_used_up_says_so() -> None:
    response = Script().answer(wire(body()))
    assert response.status == 400
    assert error(response)["message"] == "the script has no answer to request 1"


def test_events_carry_their_figures_and_pauses() -> None:
    response = streamed(
        answer_events("a", "b", usage={"input_tokens": 3}, final={"output_tokens": 8}), gap=0.1, first=0.4
    )
    assert [chunk.after for chunk in response.chunks] == [0.4] + [0.1] * 6
    came = events(response)
    assert came[0]["message"]["usage"] == {"input_tokens": 3}
    assert came[-2]["usage"] == {"output_tokens": 8}
    assert [event["index"] for event in came if "index" in event] == [0, 0, 0, 0]
