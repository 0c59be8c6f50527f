"""Which addresses belong together, and what opens a page."""

from starlette.datastructures import Headers
from starlette.types import Scope

PROGRAMS = ("/api", "/chat", "/mcp")
"""What programs call with JSON; /chat is also the page of that name."""
UPLOADS = ("/_stcore/upload_file",)
"""Where pages put people's files; Streamlit limits their size."""
STREAM, HOST_CONFIG, MEDIA = "/_stcore/stream", "/_stcore/host-config", "/media"
DOORS = ("/_stcore", MEDIA, "/component")
"""Streamlit's own addresses behind which there is something of somebody's, or something that costs."""
FOR_ANYBODY_AT_A_DOOR = ("/_stcore/health",)
"""It says whether the server runs, and nothing else: what stands before the server asks it."""
CLOSED = ("/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent", "/app/static")
"""Streamlit's addresses that nothing here needs."""


def within(path: str, places: tuple[str, ...]) -> bool:
    """Return whether the path is one of these places or lies below one."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


def opens_page(scope: Scope) -> bool:
    """Return whether a browser goes there: only it says that it takes HTML, and only it shall get any."""
    is_reading = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
    return is_reading and "text/html" in Headers(scope=scope).get("accept", "")
