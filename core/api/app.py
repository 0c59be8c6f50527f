"""The HTTP API: one application for every address that is not a page."""

import json
from collections.abc import Callable
from functools import cache

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from core.api.agents import agents
from core.api.auth import auth
from core.api.budgets import budgets
from core.api.chat_doors import ADDRESSES, chat_doors
from core.api.conventions import AsPrograms, allowed
from core.api.conversations import conversations
from core.api.costs import costs
from core.api.docs.document import document
from core.api.docs.page import docs
from core.api.exports import exports
from core.api.guard.places import opens_page
from core.api.health import health
from core.api.messages import messages
from core.api.metrics.route import measure, metrics
from core.api.problems import SAFE, not_there, problem, unreadable
from core.api.sign_in.routes import sign_in_routes
from core.api.sub_path import here
from core.api.traces import traces
from core.errors import AppError
from core.wiring import Services


def api(services: Callable[[], Services]) -> FastAPI:
    """``services`` is asked at each request."""
    app = FastAPI(
        title="Command Center",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    told = cache(lambda root: document(app, root))
    app.openapi = lambda: told(here())  # type: ignore[method-assign]
    app.state.services = services
    app.add_exception_handler(AppError, _told)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _not_there)
    measure(app)
    app.add_middleware(AsPrograms)
    reading = (conversations, traces, costs, budgets, exports, docs)
    for router in (health, metrics, auth, agents, messages, chat_doors, *reading):
        app.include_router(router)
    return app


def api_routes(services: Callable[[], Services], **leading: Callable[[], str]) -> list[Route]:
    """Return the API's part of the server's routes; everything else is the pages'.

    What is ``leading`` to an identity provider is for the page that people sign in on.
    """
    app = api(services)
    paths = ("/api/{rest:path}", "/healthz", "/readyz", "/metrics", "/mcp/{rest:path}", "/chat/{rest:path}")
    return [*(Route(path, app) for path in paths), _BesidePage(ADDRESSES[0], app), *sign_in_routes(services, **leading)]


class _BesidePage(Route):
    """An address that is also a page's: what a browser opens is the page."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.NONE, {}) if opens_page(scope) else super().matches(scope)


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    return _as_before(request, problem(error))


async def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _as_before(request, unreadable(error))


def _as_before(request: Request, told: Response) -> Response:
    """Answer at the doors to agents also where programs of the first system look for the reason."""
    if request.url.path not in (*ADDRESSES, "/api/command-center/message"):
        return told
    body = json.loads(bytes(told.body))
    headers = {name: value for name, value in told.headers.items() if not name.startswith("content-")}
    return JSONResponse({**body, "message": body["detail"]}, told.status_code, headers, told.media_type)


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code != 405:
        return not_there(error)
    taken = allowed(request)
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={**SAFE, "Allow": taken})
    return not_there(HTTPException(405, headers={"Allow": taken}))
