"""The one local person."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, select

from core.access.local import local_person
from core.store.access import User
from core.store.database import Store, open_store


def people(store: Store) -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(User.__table__)).scalar_one())


def test_the_local_person_is_an_admin_and_stays_the_same(store: Store) -> None:
    first = local_person(store)
    assert (first.name, first.role) == ("Local admin", "admin")
    assert local_person(store) == first
    assert people(store) == 1


def test_processes_that_start_together_agree_on_one_person(store: Store) -> None:
    stores = [open_store(store.url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(local_person, stores))
    for each in stores:
        each.close()
    assert len(found) == 1
    assert people(store) == 1
