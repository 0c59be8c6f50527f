"""PostgreSQL through psycopg: checked connections, bounded waits, one snapshot for each reader."""

from typing import Any

from sqlalchemy import URL, Engine, create_engine

from core.store.dialects import PLACE_SECONDS, POSTGRESQL_WRITING

WRITERS = 8
_READERS = 4
_READERS_AT_PEAK = 16
# A server that vanished without a word is given up after about half a minute.
_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "command-center",
}
_ENGINE: dict[str, Any] = {"pool_use_lifo": True, "use_native_hstore": False, "hide_parameters": True}


def reader_engine(url: URL, busy_seconds: float) -> Engine:
    """Transactions that see one moment of the database and cannot write, on connections that were tried first."""
    engine = create_engine(
        url,
        connect_args=_connect_args(url, busy_seconds),
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        pool_size=_READERS,
        max_overflow=_READERS_AT_PEAK - _READERS,
        pool_timeout=PLACE_SECONDS,
        **_ENGINE,
    )
    return engine.execution_options(postgresql_readonly=True)


def writer_engine(url: URL, busy_seconds: float) -> Engine:
    """Open one connection for each of the writer's threads; how a transaction begins also tries its connection."""
    return create_engine(
        url.set(drivername=POSTGRESQL_WRITING),
        connect_args=_connect_args(url, busy_seconds) | {"autocommit": True},
        pool_size=WRITERS,
        max_overflow=0,
        pool_timeout=PLACE_SECONDS,
        **_ENGINE,
    )


def _connect_args(url: URL, busy_seconds: float) -> dict[str, Any]:
    options = f"{url.query.get('options', '')} -c lock_timeout={int(busy_seconds * 1000)}".strip()
    return {name: value for name, value in _PATIENCE.items() if name not in url.query} | {"options": options}
