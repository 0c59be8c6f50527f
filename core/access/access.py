"""All of access together, on one database."""

from dataclasses import dataclass

from core.access.audit import Audit
from core.access.credentials import Credentials
from core.access.encryption import encryption_keys
from core.access.people import People
from core.access.roles import Person
from core.access.sessions import Sessions
from core.access.sign_in import SignIn
from core.access.tokens import Tokens
from core.settings import Settings
from core.store.database import Store


@dataclass(frozen=True, slots=True)
class Access:
    sign_in: SignIn
    sessions: Sessions
    tokens: Tokens
    people: People
    credentials: Credentials
    audit: Audit

    def bearer(self, secret: str) -> Person:
        """Whose session or API token it is. Raises NotSignedIn."""
        if secret.startswith("ccs_"):
            return self.sessions.check(secret).person
        return self.tokens.check(secret)


def open_access(store: Store, chosen: Settings) -> Access:
    """Raises SetupError if a provider key in the database cannot be read with the keys there are."""
    credentials = Credentials(store, encryption_keys(chosen))
    credentials.check()
    return Access(SignIn(store), Sessions(store), Tokens(store), People(store), credentials, Audit(store))
