"""Streamlit's sessions, files and uploads, for the guard of its doors; the one place that looks inside its runtime."""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime import Runtime
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

from core.access.oidc import OidcSignIn
from core.api.cookies import SESSION_COOKIE
from core.errors import AppError
from core.wiring import services


class StreamlitRooms:
    """As ``core.api.guard.rooms.Rooms`` says; a room is one of Streamlit's sessions."""

    def __init__(self) -> None:
        self._drawn: dict[str, set[str]] = {}
        self._noted: MediaFileManager | None = None

    def secret(self, cookies: Mapping[str, str]) -> str:
        try:
            oidc = services().access.oidc
        except AppError:
            return ""
        return cookies.get(SESSION_COOKIE, "") if oidc is None else _oidc_secret(oidc, cookies)

    def cookies(self, room: str) -> Mapping[str, str] | None:
        found = _sessions().get_active_session_info(room)
        context = None if found is None else getattr(found.client, "client_context", None)
        return None if context is None else dict(context.cookies)

    def drawn_in(self, file: str) -> Collection[str]:
        return self._drawn.get(_file_id(file), ())

    def _note_drawn(self) -> MediaFileManager:
        """From the first page on keep which room each file is for, as long as there is the file.

        Streamlit itself forgets it while a page is drawn again, and never knows it of a download that was made.
        """
        manager = Runtime.instance().media_file_mgr
        if manager is not self._noted:
            add, execute = manager.add, manager.execute_deferred

            def noted_add(*args: Any, **kwargs: Any) -> Any:
                url = add(*args, **kwargs)
                context = get_script_run_ctx()
                return self._note(url, "" if context is None else context.session_id)

            def noted_execute(file_id: str) -> str:
                room = manager._deferred_callables[file_id]["session_id"]
                return self._note(execute(file_id), room)

            manager.add, manager.execute_deferred = noted_add, noted_execute  # type: ignore[method-assign]
            self._noted = manager
        return manager

    def _note(self, url: str, room: str) -> str:
        kept: Any = Runtime.instance().media_file_mgr._storage
        self._drawn = {file: rooms for file, rooms in list(self._drawn.items()) if file in kept._files_by_id}
        file = _file_id(url)
        self._drawn[file] = self._drawn.get(file, set()) | {room}
        return url

    def asks_for(self, message: bytes) -> str | None:
        manager = self._note_drawn()
        asked = BackMsg()
        with suppress(DecodeError):  # Streamlit itself ends a connection that sends what is none
            asked.ParseFromString(message)
        request = asked.backend_operation_request
        if not asked.HasField("backend_operation_request") or not request.HasField("deferred_file"):
            return None
        entry = manager._deferred_callables.get(request.deferred_file.file_id)
        return "" if entry is None else entry["session_id"]

    def held(self) -> Mapping[str, tuple[int, int]]:
        kept = dict(_uploads().file_storage)
        sizes = {room: [len(file.data) for file in list(files.values())] for room, files in kept.items()}
        return {room: (len(each), sum(each)) for room, each in sizes.items() if each}

    def exists(self, room: str) -> bool:
        sessions = _sessions()
        return sessions.is_active_session(room) or sessions._session_storage.get(room) is not None

    def clear(self, room: str) -> None:
        _uploads().remove_session_files(room)


def _file_id(url: str) -> str:
    return url.rpartition("/")[2].partition(".")[0]


def _sessions() -> Any:
    return Runtime.instance()._session_mgr


def _uploads() -> Any:
    return Runtime.instance().uploaded_file_mgr


def _oidc_secret(oidc: OidcSignIn, cookies: Mapping[str, str]) -> str:
    """Empty for a cookie that is not of ours: it is signed."""
    signed = _get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE_NAME)
    try:
        claims = json.loads(signed or b"{}")
    except ValueError:
        return ""
    return oidc.cookie(claims) if claims.get("is_logged_in") else ""
