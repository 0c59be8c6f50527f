"""The files of the books over HTTP: each address is signed and valid for a while (core/exports/links.py)."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from anyio import CancelScope, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.api.downloads import DownloadResponse
from core.api.problems import SAFE, problem
from core.errors import AppError, NotFound
from core.exports.exports import KEPT, Exports
from core.exports.links import ADDRESS, VALID_SECONDS, Order
from core.exports.progress import Progress, as_json, manifest

_Answer: TypeAlias = Callable[[Request], Awaitable[Response]]
_UNFINISHED = "The file is not complete, so there is no manifest of it. Begin the download again if it broke off."
_FOLLOWED_SECONDS = VALID_SECONDS + int(KEPT.total_seconds())


def export_routes(exports: Callable[[], Exports]) -> list[Route]:
    """The file, its progress and its manifest; ``exports`` is asked at each request."""
    answers = _Answers(exports)
    path = ADDRESS + "/{file}.csv"
    return [
        Route(path, _told(answers.file), methods=["GET"]),
        Route(f"{path}/progress", _told(answers.progress), methods=["GET"]),
        Route(f"{path}/manifest", _told(answers.manifest), methods=["GET"]),
    ]


def _told(answer: _Answer) -> _Answer:
    async def told(request: Request) -> Response:
        try:
            return await answer(request)
        except AppError as error:
            return problem(error)

    return told


class _Answers:
    def __init__(self, exports: Callable[[], Exports]) -> None:
        self._exports = exports

    async def file(self, request: Request) -> Response:
        exports = await to_thread.run_sync(self._exports)
        order = _order(exports, request, VALID_SECONDS)
        if request.method == "HEAD":
            return Response(headers=SAFE, media_type="text/csv; charset=utf-8")
        with CancelScope(shield=True):  # else nobody would close a download whose reader left at this moment
            download = await to_thread.run_sync(exports.begin, order)
        return DownloadResponse(download)

    async def progress(self, request: Request) -> Response:
        return _json(as_json(await to_thread.run_sync(self._known, request)))

    async def manifest(self, request: Request) -> Response:
        progress = await to_thread.run_sync(self._known, request)
        if progress.state != "finished":
            raise NotFound(_UNFINISHED)
        return _json(manifest(progress))

    def _known(self, request: Request) -> Progress:
        exports = self._exports()
        return exports.known(_order(exports, request, _FOLLOWED_SECONDS))


def _order(exports: Exports, request: Request, seconds: int) -> Order:
    return exports.links.read(request.query_params.get("token", ""), request.path_params["file"], seconds=seconds)


def _json(content: dict[str, Any]) -> JSONResponse:
    return JSONResponse(content, headers=SAFE)
