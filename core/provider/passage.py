"""How far a request to the provider has come: opened, sent, answered."""

from datetime import datetime


class Passage:
    """One attempt's; only its provider sets it, while the request is on its way.

    ``sent_at`` is when the body began to leave: only from then on can the provider have had the whole request.
    ``answered_at`` is when headers arrived; ``accepted`` says that they promise a reply, and ``request_id`` is theirs.
    """

    __slots__ = ("accepted", "answered_at", "request_id", "sent_at")

    def __init__(self) -> None:
        self.sent_at: datetime | None = None
        self.answered_at: datetime | None = None
        self.request_id: str | None = None
        self.accepted = False
