"""Readers wait for each other's places as long as it takes, and for locks of others no longer than they should."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from core.store.database import open_store

READERS, SECONDS = 80, 0.4


def test_more_readers_than_places_wait_for_each_other_and_none_is_refused(database_url: str) -> None:
    """On a busy machine as well, where each holds its place for long: to hurry is no use, and nobody is to blame."""
    store, together = open_store(database_url, busy_seconds=0.1), threading.Barrier(READERS)

    def read(number: int) -> int:
        together.wait(60)
        with store.read() as connection:
            time.sleep(SECONDS)
            return int(connection.execute(text(f"SELECT {number}")).scalar_one())

    try:
        with ThreadPoolExecutor(READERS) as threads:
            assert list(threads.map(read, range(READERS))) == list(range(READERS))
    finally:
        store.close()
