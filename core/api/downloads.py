"""A download as the body of an answer: read off the event loop, piece by piece, no faster than it is taken.

Whatever goes wrong after the first byte ends the connection without the last chunk, so that no client takes a part for
the whole; a reader who stops gives the database back.
"""

import structlog
from anyio import CancelScope, fail_after, to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from core.api.problems import SAFE
from core.exports.exports import Download

PATIENCE_SECONDS = 30.0

_log = structlog.get_logger(__name__)


class DownloadResponse(StreamingResponse):
    """A piece may wait for ``PATIENCE_SECONDS`` to be taken."""

    def __init__(self, download: Download) -> None:
        headers = {
            **SAFE,
            "Content-Disposition": f'attachment; filename="{download.progress.file_name}"',
            # Compressing it on the way would take longer than all the rest.
            "Content-Encoding": "identity",
        }
        super().__init__(download.pieces, headers=headers, media_type="text/csv; charset=utf-8")
        self._download = download

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._download.close)

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            while piece := await to_thread.run_sync(next, self._download.pieces, b""):
                with fail_after(PATIENCE_SECONDS):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            _log.warning("download_not_taken", file=self._download.progress.file_name)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
