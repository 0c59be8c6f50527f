"""The files of the books over HTTP: each address is signed and valid for a while (core/exports/links.py)."""

from datetime import datetime
from typing import Annotated, Any

from anyio import CancelScope, to_thread
from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from core.api.caller import Running
from core.api.downloads import DownloadResponse
from core.api.problems import SAFE, raises
from core.errors import NotAllowed, NotFound, NotSignedIn, ShuttingDown, TooManyExports
from core.exports.exports import KEPT, Exports
from core.exports.links import ADDRESS, VALID_SECONDS, Order
from core.exports.progress import Progress, State, as_json, manifest

exports = APIRouter(prefix=ADDRESS, tags=["exports"])

FilePart = Annotated[str, Path(description="`traces` or `ledger`.", examples=["traces"])]
Token = Annotated[str, Query(description="What the link was signed with: it alone lets its holder read the file.")]

_UNFINISHED = "The file is not complete, so there is no manifest of it. Begin the download again if it broke off."
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


@exports.get(
    "/{file}.csv",
    response_class=Response,
    responses={200: {"content": _CSV}, **raises(NotSignedIn, NotAllowed, TooManyExports, ShuttingDown)},
)
async def download(services: Running, file: FilePart, token: Token = "") -> Response:
    """One file, as CSV, for whoever holds the link.

    It comes in pieces. Whatever goes wrong ends the connection without the last one: a part never looks whole.
    """
    order = _order(services.exports, file, token, VALID_SECONDS)
    with CancelScope(shield=True):  # else nobody would close a download whose reader left at this moment
        begun = await to_thread.run_sync(services.exports.begin, order)
    return DownloadResponse(begun)


@exports.head("/{file}.csv", include_in_schema=False)
async def look(services: Running, file: FilePart, token: Token = "") -> Response:
    """Whether the link is good; begins nothing."""
    _order(services.exports, file, token, VALID_SECONDS)
    return Response(headers=SAFE, media_type="text/csv; charset=utf-8")


@exports.get("/{file}.csv/progress", response_model=ExportProgress, responses=raises(NotSignedIn, NotAllowed, NotFound))
def follow(services: Running, file: FilePart, token: Token = "") -> JSONResponse:
    """How far the latest download of the link has come."""
    return JSONResponse(as_json(_known(services.exports, file, token)), headers=SAFE)


@exports.get("/{file}.csv/manifest", response_model=Manifest, responses=raises(NotSignedIn, NotAllowed, NotFound))
def check(services: Running, file: FilePart, token: Token = "") -> JSONResponse:
    """Rows, sum and SHA-256 of the file that was downloaded last, once it is complete."""
    progress = _known(services.exports, file, token)
    if progress.state != "finished":
        raise NotFound(_UNFINISHED)
    return JSONResponse(manifest(progress), headers=SAFE)


def _known(of: Exports, file: str, token: str) -> Progress:
    return of.known(_order(of, file, token, _FOLLOWED_SECONDS))


def _order(of: Exports, file: str, token: str, seconds: int) -> Order:
    return of.links.read(token, file, seconds=seconds)
