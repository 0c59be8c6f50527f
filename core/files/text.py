"""Plain text."""

_CONTROLS = frozenset(map(chr, range(32))) - frozenset("\t\n\r\f\v\b\x1b")


def as_plain_text(data: bytes) -> str | None:
    """The text, without a byte order mark; None if the data is not UTF-8 or holds control characters no text has."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return text if _CONTROLS.isdisjoint(text) else None
