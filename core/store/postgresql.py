"""PostgreSQL through psycopg: checked connections, bounded waits, one snapshot for each reader."""

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event

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


def reader_engine(url: URL, busy_seconds: float) -> Engine:
    """Transactions that see one moment of the database and cannot write, on connections that were tried first."""
    engine = _engine(
        url,
        busy_seconds,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        pool_size=_READERS,
        max_overflow=_READERS_AT_PEAK - _READERS,
    )
    return engine.execution_options(postgresql_readonly=True)


def writer_engine(url: URL, busy_seconds: float) -> Engine:
    """One connection for each of the writer's threads; how a transaction begins also tries its connection."""
    engine = _engine(url.set(drivername="postgresql+writing"), busy_seconds, pool_size=WRITERS, max_overflow=0)

    @event.listens_for(engine, "connect")
    def begin_only_explicitly(connection: Any, _: Any) -> None:
        connection.autocommit = True

    return engine


def _engine(url: URL, busy_seconds: float, **pool: Any) -> Engine:
    engine = create_engine(
        url,
        connect_args={name: value for name, value in _PATIENCE.items() if name not in url.query},
        pool_timeout=busy_seconds,
        pool_use_lifo=True,
        use_native_hstore=False,
        hide_parameters=True,
        **pool,
    )

    @event.listens_for(engine, "connect")
    def bound_waits(connection: Any, _: Any) -> None:
        connection.execute(f"SET lock_timeout = {int(busy_seconds * 1000)}")
        connection.commit()

    return engine
