"""Whether the process is alive, and whether it is fit to be asked: for whatever watches it, without sign-in."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from core.api.problems import raises
from core.errors import AppError, NotReady

health = APIRouter(tags=["operations"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@health.get("/healthz")
async def is_alive() -> Health:
    """Whether the process answers at all; nothing else is looked at."""
    return Health()


@health.get("/readyz", responses=raises(NotReady))
def is_ready(request: Request) -> Health:
    """Whether the database answers and turns are taken: not while the process starts, drains or is held up."""
    try:
        services = request.app.state.services()
        services.store.check()
        services.engine.check()
    except AppError as error:
        # Why is for the log and the people it concerns, not for whoever asks.
        raise NotReady("The server cannot take requests at this moment. Try again in a few seconds.") from error
    return Health()
