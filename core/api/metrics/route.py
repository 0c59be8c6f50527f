"""``/metrics``: for who may see all costs, because it says what everybody together spent."""

from ipaddress import ip_address

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from starlette.applications import Starlette

from core.access.roles import Permission, allow
from core.api.caller import Caller
from core.api.metrics.requests import Measured, Requests
from core.api.metrics.state import State
from core.api.problems import raises
from core.errors import NotAllowed

metrics = APIRouter(tags=["operations"])


class Exposition(Response):
    media_type = CONTENT_TYPE_LATEST


def measure(app: Starlette) -> None:
    """Count the application's requests from now on, beside what its services know of themselves."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    app.state.metrics = registry
    registry.register(State(app.state.services))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    app.add_middleware(Measured, requests=Requests(registry))


@metrics.get("/metrics", response_class=Exposition, responses=raises(NotAllowed))
def read_metrics(request: Request, by: Caller) -> Exposition:
    """Read what this process does, in Prometheus' text format, for who may see all costs, of all agents.

    Counters begin at 0 when the process starts. Without sign-in only this machine may read them.
    """
    allow(by, Permission.OPERATIONS)
    if request.app.state.services().settings.auth == "none" and not _is_here(request):
        raise NotAllowed("Without sign-in, metrics are for this machine alone.")
    return Exposition(generate_latest(request.app.state.metrics))


def _is_here(request: Request) -> bool:
    return request.client is not None and ip_address(request.client.host).is_loopback
