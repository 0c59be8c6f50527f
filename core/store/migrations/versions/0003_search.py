# ruff: noqa: S608 (statements are made of names in this file only)
"""Finding a trace by words of its request or error, newest first, and by the provider's request id.

Triggers on ``task_trace`` keep the words in step; a migration that rebuilds that table has to make them again. Only
the first characters of a request are searched, so that none is too long to be kept.

SQLite keeps the words in an FTS5 table by a number of its own that sorts as the traces do by the second they began:
only in the order of that number do the newest come first, and the row numbers of a table with a TEXT key may change.
Beside a trace's words stand its facets, marked by a character of private use, which narrow a search before any row
is read. Beginnings of words are indexed too: without that, all traces with such a word would be gathered first.

PostgreSQL cannot read its index newest first. Each word (in lower case, as the configuration ``simple`` has it) is
therefore there twice: for all times, and for the day, written ``/20777/word``, days being counted from 1970 in UTC.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0003"
down_revision = "0002"

_SAID = (
    "coalesce({row}.error_type, '') || ' ' || coalesce({row}.error_text, '') || ' ' || "
    "substr({row}.instruction, 1, 20000)"
)
_SEARCHED = ("instruction", "error_type", "error_text")
_LONGEST_WORD = 64


def upgrade() -> None:
    op.create_index("ix_trace_spans_request_id", "trace_spans", ["request_id"])
    if op.get_context().dialect.name == "sqlite":
        _index_on_sqlite()
        _keep_in_step_on_sqlite()
    else:
        _index_on_postgresql()
        _keep_in_step_on_postgresql()


_SECOND = "CAST(strftime('%s', substr({row}.started_at, 1, 19)) AS INTEGER) * 1048576"
_UNUSUAL_STATUS = "CASE WHEN {row}.status NOT IN ('running', 'completed') THEN {row}.status END"
_UNUSUAL_BASIS = "CASE WHEN {row}.cost_basis <> 'computed' THEN {row}.cost_basis END"
_FACETS = {
    0xE000: "{row}.master_agent_id",
    0xE001: "{row}.model",
    0xE002: "{row}.owner_id",
    0xE003: _UNUSUAL_STATUS,
    0xE004: _UNUSUAL_BASIS,
}


def _index_on_sqlite() -> None:
    facets = "".join(f" || coalesce(' ' || char({mark}) || hex({value}), '')" for mark, value in _FACETS.items())
    words, second = (_SAID + facets).format(row="t"), _SECOND.format(row="t")
    op.execute("CREATE TABLE trace_search (key INTEGER PRIMARY KEY, trace_id TEXT NOT NULL)")
    op.execute(
        f"CREATE VIEW trace_search_documents AS SELECT s.key, {words} AS words "
        "FROM trace_search s JOIN task_trace t ON t.id = s.trace_id"
    )
    op.execute(
        "CREATE VIRTUAL TABLE trace_search_words USING fts5(words, content='trace_search_documents', "
        "content_rowid='key', detail=none, columnsize=0, prefix='1 2 3 4 5 6 7 8 9 10 11 12', "
        "tokenize='unicode61 remove_diacritics 0')"
    )
    op.execute(
        f"INSERT INTO trace_search SELECT {second} + row_number() OVER (PARTITION BY {second}) - 1, t.id "
        "FROM task_trace t"
    )
    op.execute("INSERT INTO trace_search_words (rowid, words) SELECT key, words FROM trace_search_documents")


def _keep_in_step_on_sqlite() -> None:
    """FTS5 must be told what it is to forget: before a change the view still has it."""
    of_this_second = f"FROM trace_search s WHERE s.key >= {_SECOND} AND s.key < {_SECOND} + 1048576"
    key = f"(SELECT s.key {of_this_second} AND s.trace_id = {{row}}.id)"
    next_key = f"coalesce((SELECT max(s.key) + 1 {of_this_second}), {_SECOND})"
    number = f"INSERT INTO trace_search VALUES ({next_key}, NEW.id);".format(row="NEW")
    documents = f"FROM trace_search_documents WHERE key = {key};"
    learn = f"INSERT INTO trace_search_words (rowid, words) SELECT key, words {documents}".format(row="NEW")
    forget = (
        "INSERT INTO trace_search_words (trace_search_words, rowid, words) "
        f"SELECT 'delete', key, words {documents}"
        f"DELETE FROM trace_search WHERE key = {key};"
    ).format(row="OLD")
    changed = " OR ".join(
        f"{value.format(row='OLD')} IS NOT {value.format(row='NEW')}"
        for value in (*(f"{{row}}.{column}" for column in _SEARCHED), _UNUSUAL_STATUS, _UNUSUAL_BASIS)
    )
    update = f"UPDATE OF {', '.join(_SEARCHED)}, status, cost_basis ON task_trace WHEN {changed}"
    for name, event, body in (
        ("added", "AFTER INSERT ON task_trace", number + learn),
        ("changes", f"BEFORE {update}", forget),
        ("changed", f"AFTER {update}", number + learn),
        ("removed", "BEFORE DELETE ON task_trace", forget),
    ):
        op.execute(f"CREATE TRIGGER trace_search_{name} {event} BEGIN {body} END")


# Whatever is neither letter nor digit, as far as one meets it, whatever the locale of the database may know.
_BETWEEN_WORDS = (
    r"[\x01-/:-@\[-`{-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7"
    r"\u2000-\u206f\u3000-\u3004\u3008-\u3020\uff00-\uff0f\uff1a-\uff20]+"
)


def _index_on_postgresql() -> None:
    op.create_table(
        "trace_search",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", TSVECTOR(), nullable=False),
    )
    op.execute(
        "CREATE FUNCTION trace_search_words(task_trace) RETURNS tsvector LANGUAGE sql STABLE AS $$ "
        "SELECT coalesce(array_to_tsvector(array_agg(word) || array_agg(day || word)), '') FROM "
        "(SELECT '/' || floor(extract(epoch FROM $1.started_at) / 86400)::int || '/' AS day, "
        f"left(found, {_LONGEST_WORD}) AS word FROM "
        f"regexp_split_to_table(lower({_SAID.format(row='$1')}), '{_BETWEEN_WORDS}') AS found "
        "WHERE found <> '') AS each_word $$"
    )
    op.execute("INSERT INTO trace_search SELECT t.id, t.started_at, trace_search_words(t) FROM task_trace t")
    op.execute("CREATE INDEX ix_trace_search_words ON trace_search USING gin (words) WITH (fastupdate = off)")


def _keep_in_step_on_postgresql() -> None:
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in _SEARCHED)
    update = f"UPDATE OF {', '.join(_SEARCHED)} ON task_trace FOR EACH ROW WHEN ({changed})"
    for name, event, body in (
        (
            "added",
            "INSERT ON task_trace FOR EACH ROW",
            "INSERT INTO trace_search VALUES (NEW.id, NEW.started_at, trace_search_words(NEW))",
        ),
        ("changed", update, "UPDATE trace_search SET words = trace_search_words(NEW) WHERE id = NEW.id"),
        ("removed", "DELETE ON task_trace FOR EACH ROW", "DELETE FROM trace_search WHERE id = OLD.id"),
    ):
        function = f"trace_search_{name}()"
        op.execute(
            f"CREATE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$"
        )
        op.execute(f"CREATE TRIGGER trace_search_{name} AFTER {event} EXECUTE FUNCTION {function}")
