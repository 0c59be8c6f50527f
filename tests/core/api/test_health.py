"""Alive and ready: said to anybody, and nothing else with it."""

import pytest
from sqlalchemy import Connection, text
from starlette.testclient import TestClient

from core.api.app import api
from core.errors import SchemaTooNew, ShuttingDown, StoreError
from core.wiring import Services
from tests.core.api.doors import Doors


def test_a_process_is_alive_whatever_its_parts_do() -> None:
    def broken() -> Services:
        raise StoreError("The database db.internal does not answer.")

    client = TestClient(api(broken))
    assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "ok"})
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "db.internal" not in answer.text


def test_it_is_ready_until_it_drains(doors: Doors) -> None:
    assert doors.get("/readyz").json() == {"status": "ok"}
    doors.services.close()
    answer = doors.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    with pytest.raises(ShuttingDown):
        doors.services.engine.check()
    assert doors.get("/healthz").status_code == 200


@pytest.mark.parametrize(("version", "why"), [("9999", SchemaTooNew), ("0001", StoreError)])
def test_it_is_not_ready_on_a_database_of_another_version(doors: Doors, version: str, why: type[StoreError]) -> None:
    def job(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})

    doors.services.store.write(job).result()
    with pytest.raises(why):
        doors.services.store.check()
    assert doors.get("/readyz").status_code == 503
