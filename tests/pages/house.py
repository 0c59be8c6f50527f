"""Pages behind sign-in: the app of people with accounts, and whose browser shows it."""

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from core import wiring
from core.access.sessions import SignedIn
from core.access.visit import Visit
from core.api.cookies import SESSION_COOKIE
from core.settings import settings
from core.wiring import Services
from tests.core.access.conftest import PASSWORD
from tests.pages.screen import open_app

BROWSER = Visit("192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0")


class House:
    """``cookies`` are those of the browser that shows the pages; the runner itself knows of none."""

    def __init__(self, services: Services, cookies: dict[str, str]) -> None:
        self.services, self.access, self._cookies = services, services.access, cookies
        link = self.access.people.set_up_link()
        assert link is not None
        self.root = self.access.sign_in.set_up(link.secret, "root@example.org", "Root", PASSWORD, BROWSER)

    def join(self, name: str, role: str = "operator") -> SignedIn:
        link = self.access.people.invite(self.root.session.person, f"{name.lower()}@example.org", name, role)
        return self.access.sign_in.accept(link.secret, PASSWORD, BROWSER)

    def show(self, cookie: str) -> None:
        self._cookies[SESSION_COOKIE] = cookie

    def open(self, signed_in: SignedIn, page: str = "account", **query: str) -> AppTest:
        self.show(signed_in.cookie)
        return open_app(page, **query)


@pytest.fixture
def house(own_data: object, monkeypatch: pytest.MonkeyPatch) -> House:
    cookies: dict[str, str] = {}
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _self: cookies))
    monkeypatch.setenv("AUTH", "accounts")
    settings.cache_clear()
    return House(wiring.services(), cookies)
