"""A house with its first admin in it, and browsers that know nothing but its address."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.access.access import Access
from core.access.audit import Audit
from core.access.credentials import Credentials
from core.access.encryption import EncryptionKeys
from core.access.passwords import Passwords
from core.access.people import People
from core.access.sessions import Sessions
from core.access.sign_in import SignIn
from core.access.tokens import Tokens
from core.api.sign_in.routes import sign_in_routes
from core.settings import Settings
from core.store.database import Store
from core.wiring import Services
from tests.core.access.conftest import HOME, PASSWORD

ADDRESS = "http://command.test"
PROVIDER = {
    "oidc_discovery_url": "https://id.test/.well-known/openid-configuration",
    "oidc_client_id": "command-center",
    "oidc_client_secret": "a secret of the provider",
    "oidc_admins": "root@example.org",
}


class CountingHasher(PasswordHasher):
    """As cheap as can be, and says how often it was asked."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.checks = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.checks += 1
        return super().verify(hash, password)


@dataclass(frozen=True)
class Doors:
    """What of the services these pages use."""

    access: Access
    settings: Settings
    hasher: CountingHasher

    def browser(self, address: str = "192.0.2.7") -> TestClient:
        """Follows no redirect by itself."""
        app = Starlette(routes=sign_in_routes(lambda: cast(Services, self)))
        return TestClient(app, ADDRESS, follow_redirects=False, client=(address, 50_000))


@pytest.fixture
def open_doors(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Doors]:
    """Behind these settings, without anybody."""

    def make(**chosen: str) -> Doors:
        hasher = CountingHasher()
        keys = EncryptionKeys(SecretStr("x" * 43 + "="), tmp_path / "none")
        parts = (Sessions(store), Tokens(store), People(store), Credentials(store, keys), Audit(store), keys)
        access = Access(SignIn(store, Passwords(hasher, at_once=8)), *parts)
        values = {"auth": "accounts", **PROVIDER, **chosen}
        return Doors(access, Settings.model_validate({"data_dir": tmp_path, **values}), hasher)

    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    return make


@pytest.fixture
def doors(open_doors: Callable[..., Doors]) -> Doors:
    """Of a house that Root set up."""
    doors = open_doors()
    link = doors.access.people.set_up_link()
    assert link is not None
    doors.access.sign_in.set_up(link.secret, "root@example.org", "Root", PASSWORD, HOME)
    return doors
