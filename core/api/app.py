"""The HTTP API: one application for every address that is not a page."""

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from core.api.agents import agents
from core.api.exports import export_routes
from core.api.problems import not_there, problem, unreadable
from core.api.sign_in.routes import sign_in_routes
from core.errors import AppError
from core.wiring import Services


def api(services: Callable[[], Services]) -> FastAPI:
    """``services`` is asked at each request."""
    app = FastAPI(title="Command Center", openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    app.state.services = services
    app.add_exception_handler(AppError, _told)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _not_there)
    app.include_router(agents)
    app.router.routes.extend(export_routes(lambda: services().exports))
    return app


def api_routes(services: Callable[[], Services]) -> list[Route]:
    """What of the server is the API's; everything else is the pages'."""
    return [Route("/api/{rest:path}", api(services)), *sign_in_routes(services)]


async def _told(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    return problem(error)


async def _unreadable(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return unreadable(error)


async def _not_there(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return not_there(error)
