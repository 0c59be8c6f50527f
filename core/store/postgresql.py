"""PostgreSQL through psycopg: checked connections, bounded waits, one snapshot for each reader."""

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event

WRITERS = 8
_READERS_AT_PEAK = 12
# A server that vanished without a word is given up after about half a minute.
_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "command-center",
}


def postgresql_engine(url: URL, busy_seconds: float) -> Engine:
    """An engine for writers; readers take ``reading`` of it."""
    patience = {name: value for name, value in _PATIENCE.items() if name not in url.query}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=patience,
        pool_pre_ping=True,
        pool_size=WRITERS,
        max_overflow=_READERS_AT_PEAK,
        pool_timeout=busy_seconds,
        pool_use_lifo=True,
        use_native_hstore=False,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        connection.autocommit = True
        connection.execute(f"SET lock_timeout = {int(busy_seconds * 1000)}")
        connection.autocommit = False

    return engine


def reading(engine: Engine) -> Engine:
    """The same connections, for transactions that see one moment of the database and cannot write."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
