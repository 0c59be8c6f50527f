"""Text as every database can keep it."""


def storable(text: str) -> str:
    """The text without what a text column may refuse: NUL and unpaired surrogates become a visible mark."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
