"""The log: one stream, one line an event, no secrets."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from core.logs import redaction, set_up_logging

SECRET = 'pa"ss\\wörd-1234'


@contextmanager
def _logging_to(stream: io.StringIO, secret: str) -> Iterator[None]:
    """A log of its own, and afterwards everything as it was."""
    root, hook = logging.root, threading.excepthook
    handlers, level = root.handlers[:], root.level
    set_up_logging("info", [secret], stream)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        structlog.reset_defaults()
        threading.excepthook = hook
        root.handlers[:], root.level = handlers, level


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with _logging_to(stream, SECRET):
        yield stream


def _events(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_our_events_and_those_of_libraries_are_lines_of_one_log(log: io.StringIO) -> None:
    structlog.get_logger("ours").info("turn_ended", task_trace_id="t1")
    logging.getLogger("theirs").warning("slow: %s ms", 12)
    ours, theirs = _events(log)
    assert (ours["event"], ours["task_trace_id"], ours["level"], ours["logger"]) == ("turn_ended", "t1", "info", "ours")
    assert (theirs["event"], theirs["level"]) == ("slow: 12 ms", "warning")
    assert str(ours["timestamp"]).endswith("Z")


def test_the_level_holds_for_both(log: io.StringIO) -> None:
    structlog.get_logger("ours").debug("unseen")
    logging.getLogger("theirs").debug("unseen")
    assert _events(log) == []


def test_readers_of_files_say_nothing(log: io.StringIO) -> None:
    for reader in ("pypdf._reader", "PIL.PngImagePlugin"):
        logging.getLogger(reader).error("what somebody wrote")
    assert log.getvalue() == ""


def test_a_logger_with_a_handler_of_its_own_is_taken_over(log: io.StringIO) -> None:
    elsewhere = io.StringIO()
    own = logging.getLogger("tests.own_handler")
    own.addHandler(logging.StreamHandler(elsewhere))
    own.propagate = False
    set_up_logging("info", [], log)
    own.error("seen")
    assert (elsewhere.getvalue(), [event["event"] for event in _events(log)]) == ("", ["seen"])


def test_a_traceback_is_in_the_log_without_its_secrets(log: io.StringIO) -> None:
    try:
        raise ValueError(f"cannot log in with {SECRET}")
    except ValueError:
        structlog.get_logger().exception("failed", url=f"postgresql://app:{SECRET}@db")
    [event] = _events(log)
    assert "ValueError: cannot log in with [secret]" in str(event["exception"])
    assert SECRET not in str(event)


def test_a_thread_that_dies_says_so(log: io.StringIO) -> None:
    thread = threading.Thread(target=lambda: [][0], name="doomed")
    thread.start()
    thread.join()
    [event] = _events(log)
    assert event["event"] == "thread doomed died"
    assert "IndexError" in str(event["exception"])


@pytest.mark.parametrize(
    ("line", "redacted"),
    [
        ("key sk-ant-api03-Ab_c-9 used", "key [secret] used"),
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer [secret]"),
        ("postgresql://app:hunter2@db:5432/books", "postgresql://app:[secret]@db:5432/books"),
        ("http://localhost:8501/a@b", "http://localhost:8501/a@b"),
        ("the bearer of bad news", "the bearer of bad news"),
    ],
)
def test_what_looks_like_a_secret_is_blotted_out_and_nothing_else(line: str, redacted: str) -> None:
    assert redaction([])(line) == redacted


@given(st.text(st.characters(exclude_characters="[]secrt"), min_size=6), st.text(), st.text())
def test_no_secret_survives_in_any_spelling(secret: str, before: str, after: str) -> None:
    text = f"{before}{secret}{after}"
    for spelled in (text, repr(text), json.dumps(text), json.dumps(text, ensure_ascii=False)):
        assert secret not in redaction([secret])(spelled)


@given(st.text(st.characters(exclude_characters="[]secrt"), min_size=6), st.text(), st.text())
def test_an_event_stays_one_line_of_json_whatever_is_blotted_out_of_it(secret: str, before: str, after: str) -> None:
    stream = io.StringIO()
    with _logging_to(stream, secret):
        said = f"{before}{secret}{after}"
        structlog.get_logger("ours").info(said, nested={"parts": [said, 1]}, other=ValueError(said))
    [event] = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert secret not in str([event["event"], event["nested"], event["other"]])
    assert event["nested"]["parts"][1] == 1
