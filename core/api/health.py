"""Whether the process is alive, and whether it is fit to be asked: for whatever watches it, without sign-in."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from core.api.problems import raises
from core.errors import AppError, NotReady, StoreError

health = APIRouter(tags=["operations"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@health.get("/healthz")
async def is_alive() -> Health:
    """Say whether the process answers at all; nothing else is looked at."""
    return Health()


@health.get("/readyz", responses=raises(NotReady))
def is_ready(request: Request) -> Health:
    """Return whether a message sent now would be answered and booked, which is tried by a small write.

    It is not while the process starts, drains or is held up, nor while the database or the disk takes nothing.
    """
    try:
        services = request.app.state.services()
        services.store.check()
        services.engine.check()
        services.books.check()
    except AppError as error:
        # Where and how is for the log and the people it concerns, not for the caller.
        reason = f": {error.reason}" if isinstance(error, StoreError) else " at this moment"
        raise NotReady(f"The server cannot take requests{reason}. Try again in a few seconds.") from error
    return Health()
