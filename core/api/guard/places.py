"""Which addresses belong together."""

PROGRAMS = ("/api", "/chat", "/mcp")
"""What programs call with JSON; /chat is also the page of that name."""
UPLOADS = ("/_stcore/upload_file",)
"""Where pages put people's files; Streamlit limits their size."""


def within(path: str, places: tuple[str, ...]) -> bool:
    """Whether the path is one of these places or lies below one."""
    return any(path == place or path.startswith(f"{place}/") for place in places)
