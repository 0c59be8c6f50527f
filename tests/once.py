"""What each test would do again to the same end is done once in a process; a test that cares gets it anew.

Measured before: of a page's test the search through all installed packages took more than half, of one with a client
the certificates of the system a tenth, and of one with a database the writing of the same SQL as much again.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import httpcore2
import pytest
from sqlalchemy import Engine, event
from streamlit.components.v2 import manifest_scanner

from core.store import postgresql, sqlite

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def do_once(patch: pytest.MonkeyPatch) -> None:
    """Until the patch is undone."""
    patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
    patch.setattr(httpcore2, "default_ssl_context", _by_environment(httpcore2.default_ssl_context))
    kept: dict[Any, tuple[Any, Any]] = {}
    for place in (sqlite, postgresql):
        patch.setattr(place, "create_engine", _with_shared_sql(place.create_engine, kept))


def _by_environment(make: Callable[..., Any]) -> Callable[..., Any]:
    """The same context as long as the environment says where the certificates are."""
    kept = cache(lambda _places, options: make(**dict(options)))
    return lambda **options: kept(tuple(map(os.environ.get, _CERTIFICATES)), tuple(options.items()))


def _with_shared_sql(create: Callable[..., Engine], kept: dict[Any, tuple[Any, Any]]) -> Callable[..., Engine]:
    """Engines of one kind share what SQLAlchemy has made of each query: the dialect of the first, and its cache."""

    def create_engine(url: Any, **options: Any) -> Engine:
        engine = create(url, **options)
        kind = (url.drivername, options.get("isolation_level"))
        if kind in kept:
            engine.dialect, engine._compiled_cache = kept[kind]
            return engine

        @event.listens_for(engine, "first_connect")
        def keep(*_: object) -> None:
            """Only now is the dialect complete: it has asked the database what that can do."""
            kept.setdefault(kind, (engine.dialect, engine._compiled_cache))

        return engine

    return create_engine
