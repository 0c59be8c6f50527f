"""Looks at an installation without changing anything, and says what is wrong and what to do.

Each check yields findings: what is well (``ok``), what somebody should know (``note``) and what keeps the product from
working as it should (``wrong``).
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Literal, TypeAlias

from sqlalchemy import Connection, func, select

from core.access.encrypted import encrypted_texts
from core.access.encryption import EncryptionKeys
from core.clock import now
from core.errors import AppError
from core.launch import cannot_listen
from core.place import COMMAND, VERSION
from core.pricing import price_book
from core.provider.models import retirement_warning
from core.settings import Settings, settings
from core.store.backup import check
from core.store.database import address_of, looked_into
from core.store.failures import place
from core.store.tables import Agent, AgentVersion, LedgerLine, TaskTrace
from core.store.upgrade import VERSIONS, is_current, known_versions, version_of

State: TypeAlias = Literal["ok", "note", "wrong"]

_LITTLE_ROOM, _NO_ROOM = 2 * 2**30, 64 * 2**20
_OTHERS_MAY_READ = 0o077
_CLOCKS_APART = timedelta(seconds=5)
_PAUSE_SECONDS = 5
_agents, _versions = Agent.__table__, AgentVersion.__table__
_lines, _traces = LedgerLine.__table__, TaskTrace.__table__
_MODELS = (
    select(_versions.c.model)
    .join(_agents, (_agents.c.id == _versions.c.agent_id) & (_agents.c.current_version == _versions.c.number))
    .where(_agents.c.active)
    .distinct()
    .order_by(_versions.c.model)
)


@dataclass(frozen=True, slots=True)
class Finding:
    """``said`` is a sentence for the operator of the installation; it ends with what to do where that is needed."""

    state: State
    about: str
    said: str


def main() -> int:
    """Print what is found; exit status 1 if anything is wrong."""
    found: list[Finding] = []
    for finding in examine():
        found.append(finding)
        sys.stdout.write(f"{finding.state:6}{finding.about:10}{finding.said}\n")
        sys.stdout.flush()
    wrong = sum(finding.state == "wrong" for finding in found)
    things = "1 thing is" if wrong == 1 else f"{wrong} things are"
    sys.stdout.write(f"\n{things} wrong.\n" if wrong else "\nNothing is wrong.\n")
    return min(wrong, 1)


def examine() -> Iterator[Finding]:
    """Say check by check what there is to say; one that cannot be made says why and stops no other."""
    try:
        chosen = settings()
    except AppError as error:
        yield Finding("wrong", "settings", error.for_user)
        return
    yield from _settings(chosen)
    yield from _tried("disk", _disk, chosen)
    yield from _tried("database", _database, chosen)
    yield from _tried("prices", _prices, chosen)
    yield from _tried("ends", _ends, chosen)
    yield from _tried("server", _server, chosen)


def _tried(about: str, look: Callable[[Settings], Iterator[Finding]], chosen: Settings) -> Iterator[Finding]:
    try:
        yield from look(chosen)
    except AppError as error:
        yield Finding("wrong", about, error.for_user)
    except OSError as error:
        yield Finding("wrong", about, f"{error.filename or chosen.data_dir}: {error.strerror}. Correct that.")


def _settings(chosen: Settings) -> Iterator[Finding]:
    given = [name for name, _, is_given in chosen.shown if is_given]
    said = ", ".join(given) if given else "none is set, so that all have their defaults"
    yield Finding("ok", "settings", f"Command Center {VERSION} on Python {sys.version.split()[0]}; {said}.")
    if chosen.provider == "anthropic" and chosen.anthropic_api_key is None:
        why = "so that only people with a key of their own or of the organisation get answers"
        yield Finding("note", "settings", f"PROVIDER=anthropic without ANTHROPIC_API_KEY, {why}.")
    elif chosen.provider == "simulated" or chosen.anthropic_api_key is None:
        yield Finding("note", "settings", "Without a key on Settings answers are simulated, and not billed.")


def _disk(chosen: Settings) -> Iterator[Finding]:
    folder = next(each for each in (chosen.data_dir, *chosen.data_dir.absolute().parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        told = f"The folder {folder} cannot be written ({error.strerror}). Let this user write there."
        yield Finding("wrong", "disk", told)
        return
    free = shutil.disk_usage(folder).free
    said = f"{chosen.data_dir}: {free / 2**30:,.1f} GiB free"
    if free < _NO_ROOM:
        yield Finding("wrong", "disk", f"{said}. Free some space now: messages are refused when it is full.")
    elif free < _LITTLE_ROOM:
        yield Finding("note", "disk", f"{said}. Free some space soon.")
    else:
        yield Finding("ok", "disk", f"{said}.")


def _database(chosen: Settings) -> Iterator[Finding]:
    address, known = address_of(chosen.url), known_versions(VERSIONS)
    file = Path(str(address.database)) if address.get_backend_name() == "sqlite" else None
    if file is not None and not file.exists():
        yield Finding("note", "database", f"{file} is not there yet; the first start makes it.")
        return
    wrong = check(chosen.url)
    yield from (Finding("wrong", "database", sentence) for sentence in wrong)
    if file is not None and file.stat().st_mode & _OTHERS_MAY_READ:
        yield Finding("note", "database", f"Others on this machine may read {file}. Run: chmod 600 {file}")
    if wrong:
        return
    with looked_into(chosen.url) as connection:
        version = version_of(connection)
        if not is_current(connection, known):
            said = f"{place(address)} has version {version or 'none'}; the next start brings it to {known[-1]}."
            yield Finding("note", "database", f"{said} Make a backup first: {COMMAND} backup FOLDER")
            return
        traces = connection.execute(select(func.count()).select_from(_traces)).scalar_one()
        yield Finding("ok", "database", f"{place(address)} is whole, version {version}, {traces:,} traces.")
        yield from _keys(chosen, connection)
        yield from _models(chosen, connection)
        yield from _clock(connection)


def _keys(chosen: Settings, connection: Connection) -> Iterator[Finding]:
    keys, texts = EncryptionKeys(chosen.encryption_keys, chosen.data_dir / "encryption.keys"), 0
    for texts, text in enumerate(encrypted_texts(connection), 1):  # noqa: B007 - the number of the last one is used
        try:
            keys.decrypt(text)
        except AppError as error:
            yield Finding("wrong", "keys", error.for_user)
            return
    said = f"{texts} encrypted secrets can be read." if texts else "No secret is kept in the database."
    yield Finding("ok", "keys", said)


def _models(chosen: Settings, connection: Connection) -> Iterator[Finding]:
    book, at = price_book(chosen.price_book), now()
    models = connection.execute(_MODELS).scalars().all()
    for model in models:
        if book.rate_card(model, at) is None:
            said = f"{model}, which an agent uses, has no known price: its calls are booked without one."
            yield Finding("wrong", "prices", f"{said} Choose another model on Agents.")
        if warning := retirement_warning(model, at.date()):
            yield Finding("note", "prices", warning)
    unpriced = connection.execute(
        select(func.count()).select_from(_traces).where(_traces.c.cost_basis == "unpriced")
    ).scalar_one()
    if unpriced:
        said = f"{unpriced:,} traces hold calls without a known price."
        yield Finding("note", "prices", f"{said} Once the price book has it: {COMMAND} reprice")


def _clock(connection: Connection) -> Iterator[Finding]:
    """The newest booking says what time others believed it was, and PostgreSQL what it is there."""
    latest = connection.execute(select(func.max(_lines.c.billed_at))).scalar()
    here = now()
    if latest is not None and latest > here + _CLOCKS_APART:
        said = f"The ledger holds a line of {latest:%Y-%m-%d %H:%M:%S} UTC, which is yet to come."
        yield Finding("wrong", "clock", f"{said} Set this machine's clock.")
        return
    if connection.dialect.name == "postgresql":
        there: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        apart = abs(there.astimezone(UTC) - here)
        if apart > _CLOCKS_APART:
            said = f"This machine's clock and the database's are {apart.total_seconds():,.0f} s apart."
            yield Finding("wrong", "clock", f"{said} Let both follow a time server.")
            return
    yield Finding("ok", "clock", f"{here:%Y-%m-%d %H:%M:%S} UTC.")


def _prices(chosen: Settings) -> Iterator[Finding]:
    book = price_book(chosen.price_book)
    yield Finding("ok", "prices", f"{chosen.price_book}: {len(book.models)} names of models.")


def _ends(chosen: Settings) -> Iterator[Finding]:
    folder = chosen.data_dir / "spool"
    waiting, refused = (sum(1 for each in folder.glob(end) if each.stat().st_size) for end in ("*.jsonl", "*.refused"))
    if refused:
        said = f"{folder} holds {refused} files of ends of answers that could not be booked (*.refused)."
        yield Finding("wrong", "ends", f"{said} Keep them, and report them with the log.")
    if waiting:
        said = f"{waiting} files of ends of answers wait to be booked"
        yield Finding("note", "ends", f"{said}: a server that runs does it within seconds, or else the next start.")
    if not refused and not waiting:
        yield Finding("ok", "ends", "Every answer that ended is booked.")


def _server(chosen: Settings) -> Iterator[Finding]:
    error = cannot_listen(chosen.bind_address, chosen.port)
    where = f"http://{chosen.bind_address}:{chosen.port}"
    if error is None:
        yield Finding("ok", "server", f"Nothing runs at {where}; {COMMAND} serve can start there.")
        return
    asked = HTTPConnection(chosen.bind_address, chosen.port, timeout=_PAUSE_SECONDS)
    try:
        asked.request("GET", "/readyz", headers={"Host": "localhost"})
        answer = asked.getresponse()
        if answer.status == HTTPStatus.OK:
            yield Finding("ok", "server", f"A server runs at {where} and takes messages.")
        else:
            yield Finding("wrong", "server", f"The server at {where} takes no messages: {_detail(answer)}")
    except (OSError, HTTPException):
        told = f"{where} cannot be used ({os.strerror(error.errno or 0)}), and no Command Center answers there."
        yield Finding("wrong", "server", f"{told} Stop what does, or choose another PORT.")
    finally:
        asked.close()


def _detail(answer: HTTPResponse) -> str:
    try:
        return str(json.loads(answer.read(10_000))["detail"])
    except (ValueError, KeyError, TypeError):
        return f"it answers {answer.status}. Look at its log."


if __name__ == "__main__":
    sys.exit(main())
