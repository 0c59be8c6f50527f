"""Files on the chat page: sent, shown again, kept by an edit, and kept when they could not be sent."""

from streamlit.testing.v1 import AppTest

from core.conversations.transcript import MessageView
from tests.pages.screen import answer, conversation_of, has_button, healthy, open_app, press, services
from tests.sample_files import CSV, image


def attach(app: AppTest, text: str, **files: bytes) -> AppTest:
    """Send a message with files; ``a_png`` is called a.png."""
    box = app.chat_input[0].set_value(text)
    for name, data in files.items():
        box.upload(name.replace("_", "."), data)
    return healthy(app.run())


def question(app: AppTest) -> MessageView:
    return services().conversations.transcript(services().me, conversation_of(app))[0]


def downloads(app: AppTest) -> list[str]:
    return [each.label.replace("\\", "") for each in app.chat_message[0].download_button]


def test_files_are_sent_with_the_words_and_shown_again() -> None:
    app = attach(open_app(), "[[say: Seen.]]", a_png=image(), b_csv=CSV)
    assert "Seen." in answer(app)
    assert downloads(app) == [f"a.png · {len(image())} B", f"b.csv · {len(CSV)} B"]
    again = open_app(conversation=conversation_of(app))
    assert downloads(again) == downloads(app)
    assert len(again.chat_message[0].image) == 1


def test_files_may_come_without_words() -> None:
    app = attach(open_app(), "", b_csv=CSV)
    assert len(downloads(app)) == 1
    assert services().conversations.list(services().me)[0].title == "b.csv"


def test_an_edit_and_a_retry_keep_the_files() -> None:
    app = attach(open_app(), "[[say: First.]]", a_png=image())
    press(app, "Edit")
    app.text_area(key=f"edit-{question(app).id}").set_value("[[say: Second.]]")
    press(app, "Send changed message")
    assert "Second." in answer(app)
    press(app, "Retry")
    assert len(downloads(app)) == 1
    assert [block["type"] for block in question(app).blocks] == ["attachment", "text"]


def test_a_refused_file_costs_nothing_and_the_rest_is_sent_without_it() -> None:
    app = attach(open_app(), "Look at this", a_png=b"no image", b_csv=CSV)
    assert "does not hold a PNG" in app.warning[0].value
    assert services().traces.count(services().me) == 0
    assert "Look at this" in [each.value for each in app.text_area]
    healthy(app.button(key="unsent-0-remove-0").click().run())
    press(app, "Send changed message")
    assert downloads(app) == [f"b.csv · {len(CSV)} B"]
    assert not has_button(app, "Send changed message")


def test_files_that_could_not_be_sent_are_sent_again() -> None:
    app = open_app()
    agent = services().agents.list(services().me)[0]
    services().agents.set_active(services().me, agent.id, active=False)
    attach(app, "", b_csv=CSV)
    assert "is not active" in app.warning[-1].value
    services().agents.set_active(services().me, agent.id, active=True)
    press(healthy(app.run()), "Send again")
    assert len(downloads(app)) == 1
