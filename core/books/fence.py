"""Whose a running turn is: each of its writes asks, in its own transaction, and who takes it over says so first.

A turn's row is locked before all others of it, so that of its holder and its taker one comes after the other.
"""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, literal_column, select, update

from core.books.instance import Instance
from core.books.liveness import Running
from core.clock import now
from core.errors import TurnLost
from core.store.instances import Instance as InstanceRow
from core.store.tables import TaskTrace

_traces, _instances = TaskTrace.__table__, InstanceRow.__table__
# Spelled out, not bound: else the index of running turns is of no use.
_RUNNING = _traces.c.status == literal_column("'running'")
_SEEN = (
    select(_traces.c.id, _traces.c.instance_id, _instances.c.beats, _traces.c.heartbeat_at)
    .outerjoin(_instances, _instances.c.id == _traces.c.instance_id)
    .where(_RUNNING, _traces.c.instance_id.is_not(None))
)


# Made once: what a statement is made of takes longer than the database does.
_LOCK = (
    select(_traces.c.id)
    .where(_traces.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_traces.c.id)
    .with_for_update(key_share=True)
)
_HELD = _LOCK.where(_traces.c.instance_id == bindparam("instance"), _RUNNING)


def lock(connection: Connection, task_trace_ids: Iterable[str]) -> None:
    """Lock these turns: until the transaction is over nobody else writes to them."""
    connection.execute(_LOCK, {"ids": sorted(task_trace_ids)})


def held(connection: Connection, task_trace_ids: Collection[str], instance_id: str) -> set[str]:
    """Return those of the turns that run and are the instance's, and lock them."""
    if not task_trace_ids:
        return set()
    return set(connection.execute(_HELD, {"ids": sorted(task_trace_ids), "instance": instance_id}).scalars())


def hold(connection: Connection, task_trace_id: str, instance_id: str) -> None:
    """Raises TurnLost if the turn does not run or is not the instance's any more; else it is locked."""
    if not held(connection, [task_trace_id], instance_id):
        raise TurnLost(task_trace_id)


def running(connection: Connection) -> list[Running]:
    """Return all traces that a process of ours runs, whichever it is."""
    return [Running(*row) for row in connection.execute(_SEEN)]


def claim(connection: Connection, lost: Sequence[Running], instance_id: str) -> list[Running]:
    """Make turns the instance's that have been quiet until this very moment; the others are left, and not returned."""
    lock(connection, [one.task_trace_id for one in lost])
    still = set(running(connection))
    claimed = [one for one in lost if one in still]
    ids = [one.task_trace_id for one in claimed]
    connection.execute(update(_traces).where(_traces.c.id.in_(ids)).values(instance_id=instance_id))
    return claimed


def beat(connection: Connection, instance: Instance) -> None:
    """Say that the instance lives, and that its turns do."""
    own = _instances.c.id == instance.id
    if connection.execute(update(_instances).where(own).values(beats=_instances.c.beats + 1)).rowcount == 0:
        columns = {name: getattr(instance, name) for name in ("id", "boot_id", "pid_namespace", "host")}
        connection.execute(insert(_instances), {**columns, "started_at": now(), "beats": 1})
    connection.execute(update(_traces).where(_traces.c.instance_id == instance.id, _RUNNING).values(heartbeat_at=now()))


def others(connection: Connection, instance_id: str) -> list[str]:
    """Return the ids of all other instances that run no turn."""
    busy = select(_traces.c.instance_id).where(_RUNNING, _traces.c.instance_id.is_not(None))
    idle = select(_instances.c.id).where(_instances.c.id != instance_id, _instances.c.id.not_in(busy))
    return list(connection.execute(idle).scalars())


def forget(connection: Connection, instance_ids: Collection[str]) -> None:
    """Remove rows of instances that are gone; one that lives after all adds its own again."""
    connection.execute(delete(_instances).where(_instances.c.id.in_(sorted(instance_ids))))
