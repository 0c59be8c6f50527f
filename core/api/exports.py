"""The files of the books over HTTP: each address is signed and valid for a while (core/exports/links.py)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from anyio import CancelScope, to_thread
from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from core.analytics.search_request import LONGEST_TEXT
from core.api.caller import Caller, Running
from core.api.choosing import Filters
from core.api.downloads import DownloadResponse
from core.api.problems import SAFE, raises
from core.api.sub_path import here
from core.api.wire import Data, Given, Wire
from core.clock import now
from core.errors import NotAllowed, NotFound, NotSignedIn, ShuttingDown, TooManyExports
from core.exports import columns
from core.exports.columns import FILES, FileName
from core.exports.exports import KEPT, Exports
from core.exports.links import ADDRESS, VALID_SECONDS, Order, address
from core.exports.progress import Progress, State, as_json, manifest

exports = APIRouter(prefix=ADDRESS, tags=["exports"])

FilePart = Annotated[str, Path(description="`traces` or `ledger`.", examples=["traces"])]
Token = Annotated[
    str,
    Query(description="The link's signature: it alone lets its holder read the file.", examples=["TOKEN_OF_THE_LINK"]),
]

_UNFINISHED = "The file is not complete, so there is no manifest of it. Start the download again if it broke off."
_FOLLOWED_SECONDS = VALID_SECONDS + int(KEPT.total_seconds())
_CSV = {"text/csv": {"schema": {"type": "string"}}}


class ExportProgress(BaseModel):
    """``rows_expected`` is null if nobody counted; ``problem`` says why it failed, if it did."""

    state: State
    rows: int
    rows_expected: int | None
    bytes: int
    problem: str | None


class ExportColumn(BaseModel):
    name: str
    meaning: str


class Manifest(BaseModel):
    """What a file must be to be whole; money is text, so that no reader rounds it."""

    file: str
    format: str
    format_version: int
    created_at: datetime
    filter: dict[str, Any]
    zone_of_range: str
    zone_of_times: str
    columns: list[ExportColumn]
    rows: int
    rows_of_unknown_cost: int
    cost_usd: str
    cost_nanos: str
    bytes: int
    sha256: str


class ExportFile(Wire):
    """``row`` is what each row is."""

    file: FileName
    row: str
    columns: list[ExportColumn]


class ExportOrder(Given):
    file: FileName
    filters: Filters = Field(default_factory=Filters, description="The same as for traces; none: the last 30 days.")
    q: str = Field("", max_length=LONGEST_TEXT, description="Words of the conversation, or an id.")


class ExportLinks(Wire):
    """Addresses on this server, good for everybody who has them: keep them to yourself."""

    url: str
    progress_url: str
    manifest_url: str
    expires_at: datetime = Field(description="Until then a download can be begun.")


@exports.get("")
def list_files(_: Caller) -> Data[list[ExportFile]]:
    """Return the files there are, and the columns of each; columns are only ever added, at the end."""
    return Data(data=[_described(each) for each in FILES.values()])


@exports.post("", status_code=201, responses=raises(NotAllowed))
def order_file(services: Running, by: Caller, given: ExportOrder) -> Data[ExportLinks]:
    """Links to one file of a choice of traces, good for a quarter of an hour.

    The file is what the books say when it is read, and no more than the person who ordered it may see then.
    """
    choice = given.filters.choice(services.settings.time_zone, services.costs.names(by))
    order = services.exports.order(by, given.file, replace(choice, text=given.q).filter, choice.zone.key)
    expires_at = now() + timedelta(seconds=VALID_SECONDS)
    token = services.exports.links.token(order)
    links = ExportLinks(
        url=here() + address(given.file, token),
        progress_url=here() + address(given.file, token, "/progress"),
        manifest_url=here() + address(given.file, token, "/manifest"),
        expires_at=expires_at,
    )
    return Data(data=links)


@exports.get(
    "/{file}.csv",
    response_class=Response,
    responses={200: {"content": _CSV}, **raises(NotSignedIn, NotAllowed, TooManyExports, ShuttingDown)},
)
async def download(services: Running, file: FilePart, token: Token = "") -> Response:
    """Download one file as CSV, with its link.

    It comes in pieces. Whatever goes wrong ends the connection without the last one: a part never looks whole.
    """
    order = _order(services.exports, file, token, VALID_SECONDS)
    with CancelScope(shield=True):  # else nobody would close a download whose reader left at this moment
        begun = await to_thread.run_sync(services.exports.begin, order)
    return DownloadResponse(begun)


@exports.head("/{file}.csv", include_in_schema=False)
async def look(services: Running, file: FilePart, token: Token = "") -> Response:
    """Return whether the link is good; begins nothing."""
    _order(services.exports, file, token, VALID_SECONDS)
    return Response(headers=SAFE, media_type="text/csv; charset=utf-8")


@exports.get("/{file}.csv/progress", response_model=ExportProgress, responses=raises(NotSignedIn, NotAllowed, NotFound))
def follow(services: Running, file: FilePart, token: Token = "") -> JSONResponse:
    """Return how far the latest download of the link has come."""
    return JSONResponse(as_json(_known(services.exports, file, token)), headers=SAFE)


@exports.get("/{file}.csv/manifest", response_model=Manifest, responses=raises(NotSignedIn, NotAllowed, NotFound))
def check(services: Running, file: FilePart, token: Token = "") -> JSONResponse:
    """Rows, sum and SHA-256 of the file that was downloaded last, once it is complete."""
    progress = _known(services.exports, file, token)
    if progress.state != "finished":
        raise NotFound(_UNFINISHED)
    return JSONResponse(manifest(progress), headers=SAFE)


def _described(of: columns.ExportFile) -> ExportFile:
    described = [ExportColumn(name=column.name, meaning=column.meaning) for column in of.columns]
    return ExportFile(file=of.name, row=of.row, columns=described)


def _known(of: Exports, file: str, token: str) -> Progress:
    return of.known(_order(of, file, token, _FOLLOWED_SECONDS))


def _order(of: Exports, file: str, token: str, seconds: int) -> Order:
    return of.links.read(token, file, seconds=seconds)
