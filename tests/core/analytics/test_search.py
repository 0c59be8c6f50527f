"""Searching on both databases finds what a plain reading of the texts finds, and takes any text for words."""

import re
import shutil
import string
import sys
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, make_url, text, update

from core.access.roles import Person
from core.analytics.filters import TraceFilter
from core.analytics.search_request import MOST_WORDS, sought, words_of
from core.analytics.traces import Traces
from core.clock import new_id
from core.conversations.conversations import Conversations
from core.store.database import Store, open_store
from core.store.sqlite import copy_database
from core.store.tables import TaskTrace, TraceSession, TraceSpan
from core.store.upgrade import VERSIONS
from tests.core.analytics.conftest import Books, books_in
from tests.core.rows import ADMIN, AT
from tests.core.store.samples import add_books

_traces = TaskTrace.__table__
PER_STORE = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def found(books: Books, said: str, **chosen: object) -> list[str]:
    return [row.id for row in books.traces.page(books.by, TraceFilter(text=said, **chosen), limit=1_000)]  # type: ignore[arg-type]


def change(store: Store, job: Callable[[Connection], object]) -> None:
    store.write(lambda connection: bool(job(connection))).result()


def test_words_of_the_request_and_of_the_error_are_found_whatever_their_case(books: Books) -> None:
    asked = books.add(instruction="Summarise the INVOICE, please: no. 4711!")
    failed = books.add(instruction="Hi", status="failed", error_type="overloaded_error", error_text="Too busy now")
    for said in ("invoice", "INVO", "4711", "invoice please", "please no", "summarise the i"):
        assert found(books, said) == [asked]
    for said in ("overloaded", "overloaded_error", "error busy", "too"):
        assert found(books, said) == [failed]
    for said in ("nvoice", "invoic please", "invoice busy", "471 no"):
        assert found(books, said) == []


def test_ids_find_their_traces_exactly(books: Books, store: Store) -> None:
    trace, other = books.add(), books.add(instruction="About req_0 and more")
    spans = TraceSpan.__table__
    change(store, lambda c: c.execute(update(spans).where(spans.c.task_trace_id == trace).values(request_id="req_0")))
    assert found(books, trace) == found(books, f"  {trace}\n") == [trace]
    assert found(books, books.conversation) == [other, trace]
    assert found(books, "req_0") == [other, trace]
    assert found(books, "req_0", statuses=("failed",)) == []
    assert found(books, trace[:-1]) == []
    assert books.traces.count(books.by, TraceFilter(text="req_0")) == 2


def test_a_text_of_blanks_searches_for_nothing_and_one_of_signs_finds_nothing(books: Books) -> None:
    trace = books.add()
    assert found(books, " \n\t") == [trace]
    assert [found(books, said) for said in ("?!", '"', "*", "\0", "()")] == [[]] * 5
    assert books.traces.count(books.by, TraceFilter(text="?!")) == 0


def test_the_newest_come_first_whatever_order_they_were_written_in(books: Books) -> None:
    moments = [0, 3, 1, 2, 2.5, 2.25, 2, -86_400, -400 * 86_400]
    made = books.add_all([{"started_at": AT + timedelta(seconds=seconds)} for seconds in moments])
    newest_first = [made[moments.index(seconds)] for seconds in (3, 2.5, 2.25)]
    listed = found(books, "asked")
    assert listed[:3] == newest_first
    assert listed == [row.id for row in books.traces.page(books.by, limit=100)]


@pytest.mark.parametrize("kept", [500, 3])
def test_pages_of_a_search_follow_each_other(books: Books, monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr("core.analytics.search_postgresql.LOOKED_AT", kept)
    days = [0, 0, 0, 0, 1, 1, 2, 3, 9, 10, 11, 30, 400, 400, 400]
    books.add_all([{"started_at": AT - timedelta(days=day), "instruction": f"Talk {day % 2}"} for day in days])
    chosen = TraceFilter(
        text="talk", people=(books.person,), start=AT - timedelta(days=401), end=AT + timedelta(days=1)
    )
    seen: list[str] = []
    before = None
    while page := books.traces.page(books.by, chosen, before=before, limit=2):
        seen += [row.id for row in page]
        before = (page[-1].started_at, page[-1].id)
    assert seen == [row.id for row in books.traces.page(books.by, limit=100)]
    even = [row.id for row in books.traces.page(books.by, TraceFilter(text="talk 0"), limit=100)]
    assert len(even) == sum(day % 2 == 0 for day in days)


def test_what_is_forgotten_or_removed_is_not_found_any_more(books: Books, store: Store) -> None:
    forgotten = books.add(instruction="A secret plan", error_text="Broken")
    other = books.rows.conversation(books.person, books.agent)
    removed = books.rows.trace(books.person, books.agent, other, instruction="A secret list")
    assert found(books, "secret") == [removed, forgotten]
    Conversations(store).delete(Person(books.person, "Ada", "operator"), books.conversation)
    assert (found(books, "secret"), found(books, "broken")) == ([removed], [forgotten])
    for table, column in ((TraceSpan, "task_trace_id"), (TraceSession, "task_trace_id"), (TaskTrace, "id")):
        change(store, lambda c, t=table.__table__, n=column: c.execute(delete(t).where(t.c[n] == removed)))  # type: ignore[misc]
    assert found(books, "secret") == []
    assert words_left(store, "secret") == 0


def words_left(store: Store, word: str) -> int:
    asked = {
        "sqlite": f"SELECT count(*) FROM trace_search_words WHERE trace_search_words MATCH '{word}'",
        "postgresql": f"SELECT count(*) FROM trace_search WHERE words @@ '{word}'",
    }
    with store.read() as connection:
        return int(connection.execute(text(asked[store.dialect])).scalar_one())


def test_an_error_that_comes_later_is_found(books: Books, store: Store) -> None:
    trace = books.add(status="running", cost_nanos=None, cost_basis=None)
    assert found(books, "overloaded") == []
    ended = {"status": "failed", "error_type": "overloaded_error", "cost_nanos": 1, "cost_basis": "estimated"}
    change(store, lambda c: c.execute(update(_traces).values(ended)))
    assert found(books, "overloaded") == found(books, "asked", statuses=("failed",), bases=("estimated",)) == [trace]


def test_a_very_long_request_is_kept_and_found_by_its_beginning(books: Books) -> None:
    long = " ".join(f"word{number}" for number in range(200_000))
    endless = "x" * 3_000_000
    made = [books.add(instruction=said) for said in (f"{long} end", endless)]
    assert (found(books, "word0 word1000"), found(books, "word199999")) == ([made[0]], [])
    assert found(books, "x" * 5_000) == found(books, "x" * 70 + " xx") == [made[1]]
    assert found(books, " ".join(f"word{number}" for number in range(5_000))) == [made[0]]


def test_letters_of_other_languages_are_found(books: Books) -> None:
    german, greek, chinese = (books.add(instruction=said) for said in ("Über Größe", "Ποσό Α1", "发票 合计，一"))
    assert found(books, "über") == found(books, "GRÖSSE".replace("SS", "ß")) == found(books, "Über grö") == [german]
    assert (found(books, "ποσό α"), found(books, "合")) == ([greek], [chinese])


def test_no_letter_is_taken_for_two_words(sqlite_store: Store) -> None:
    """FTS5 refuses a quoted word that it takes for several."""
    books = books_in(sqlite_store)
    letters = [chr(code) for code in range(sys.maxunicode) if words_of(chr(code)) and not 0xD800 <= code < 0xE000]
    for start in range(0, len(letters), 2_000):
        some = " ".join(f"a{letter}a" for letter in letters[start : start + 2_000])
        words = words_of(some)
        for place in range(0, len(words), 200):
            asked = " AND ".join(f'"{word}"' for word in words[place : place + 200])
            with sqlite_store.read() as connection:
                query = text("SELECT rowid FROM trace_search_words WHERE trace_search_words MATCH :asked LIMIT 1")
                assert connection.execute(query, {"asked": asked}).all() == []
    assert len(letters) > 50_000
    assert found(books, "a") == []
    assert unicodedata.category("\ue000") == "Co"
    assert words_of("\ue000") == []


PAYLOADS = [
    "' OR 1=1 --",
    "'; DROP TABLE task_trace; --",
    '" OR ""="',
    "') OR ('1'='1",
    "1; SELECT pg_sleep(10)",
    "' UNION SELECT id FROM users --",
    "%' OR '%'='",
    "\\'; DELETE FROM users; --",
    "admin'--",
    "admin' #",
    "' OR 'x'='x",
    "1' ORDER BY 1--+",
    "$$; DROP TABLE users; $$",
    "${7*7} {{7*7}}",
    "NEAR(a b, 2)",
    "a NEAR b",
    "a AND NOT b",
    "NOT a",
    "a OR",
    "AND",
    "words : a",
    "{words} : a",
    "^a",
    "a*b*",
    "a + b",
    "- words : a",
    "a & b | !c",
    "a <-> b",
    "a:*AB",
    "'a':* & (",
    "trace_search_words",
    "rank MATCH 'bm25()'",
    "%s %(x)s :x ?",
    "\\",
    "\N{FULLWIDTH APOSTROPHE} OR 1",
    "\0' OR 1=1",
    "\ud800",
    "\ue000",
    "/20777/asked",
    "((((((((((",
    "a" * 1_000_000,
    "' OR " * 100_000,
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_no_text_is_anything_but_words(books: Books, payload: str) -> None:
    books.add(instruction="Zebra")
    before = books.traces.count(books.by)
    for chosen in (TraceFilter(text=payload), TraceFilter(text=payload, models=(payload,), people=(payload, "x"))):
        assert books.traces.page(books.by, chosen) == []
        assert books.traces.count(books.by, chosen) == 0
    assert books.traces.page(books.by, TraceFilter(agents=(payload,), statuses=(payload,), bases=(payload,))) == []
    assert books.traces.count(books.by) == before == 1


WORDS = st.sampled_from(["a", "ab", "abc", "b", "1", "12", "1e5", "0x1f", "no", "or", "and", "near", "not", "x" * 70])
SIGNS = st.text(string.punctuation + string.whitespace + "\x01\x1f\x7f", min_size=1, max_size=3)
TEXTS = st.one_of(
    st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=30),
    st.lists(st.tuples(WORDS, SIGNS), max_size=6).map(lambda pairs: "".join(word + sign for word, sign in pairs)),
)


def plainly(instruction: str, said: str) -> bool:
    """Whether a text says what is sought, by the rules alone."""
    words, asked = ([word[:64] for word in re.findall("[a-z0-9]+", each.lower())] for each in (instruction, said))
    if not asked:
        return not said.strip()
    return set(asked[:-1]) <= set(words) and any(word.startswith(asked[-1]) for word in words)


@given(said=st.lists(TEXTS, min_size=1, max_size=5), asked=st.lists(TEXTS, min_size=1, max_size=5))
@PER_STORE
def test_a_search_finds_what_a_plain_reading_finds(store: Store, said: list[str], asked: list[str]) -> None:
    books = books_in(store, agent=new_id())
    ids = books.add_all([{"instruction": each} for each in said])
    for question in (*asked, *(each[: len(each) // 2] for each in said)):
        expected = [trace for trace, each in zip(ids, said, strict=True) if plainly(each, question)]
        assert found(books, question, agents=(books.agent,)) == expected[::-1]
        assert books.traces.count(books.by, TraceFilter(text=question, agents=(books.agent,))) == len(expected)


def test_only_so_many_words_count() -> None:
    asked = sought(" ".join(f"w{number}" for number in range(100)))
    assert asked is not None
    assert len(asked.words) == MOST_WORDS
    assert asked.words[-1] == "w99"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_there_before_is_found_after_the_upgrade(
    kind: str, tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    old = tmp_path / "versions"
    old.mkdir()
    for name in ("__init__.py", "0001_first_tables.py", "0002_rollups.py"):
        shutil.copy(VERSIONS / name, old)
    url = f"sqlite:///{tmp_path / 'app.db'}" if kind == "sqlite" else new_database("template0")
    for versions in (old, VERSIONS):
        store = open_store(url, versions=versions)
        if versions == old:
            store.write(add_books).result()
        else:
            assert [row.id for row in Traces(store).page(ADMIN, TraceFilter(text="hi"))] == ["trace"]
        store.close()


def test_a_copy_of_the_database_finds_the_same_and_its_index_is_whole(sqlite_store: Store, tmp_path: Path) -> None:
    books = books_in(sqlite_store)
    books.add_all([{"started_at": AT - timedelta(days=day), "instruction": f"Day {day}"} for day in (3, 1, 2, 0)])
    Conversations(sqlite_store).delete(Person(books.person, "Ada", "operator"), books.conversation)
    kept = books.add(instruction="Day 7", conversation_id=books.rows.conversation(books.person, books.agent))
    copy = tmp_path / "copy.db"
    copy_database(Path(str(make_url(sqlite_store.url).database)), copy)
    store = open_store(f"sqlite:///{copy}")
    assert [row.id for row in Traces(store).page(ADMIN, TraceFilter(text="day"))] == [kept]
    check = text("INSERT INTO trace_search_words (trace_search_words, rank) VALUES ('integrity-check', 1)")
    change(store, lambda connection: connection.execute(check))
    store.close()
