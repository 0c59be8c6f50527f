"""All of access together, on one database."""

import secrets
from dataclasses import dataclass

from core.access.audit import Audit
from core.access.credentials import Credentials
from core.access.encrypted import encryption_keys
from core.access.encryption import EncryptionKeys
from core.access.oidc import OidcSignIn, rules_of
from core.access.people import People
from core.access.roles import Person
from core.access.server_secrets import seal_all
from core.access.sessions import Sessions
from core.access.sign_in import SignIn
from core.access.tokens import Tokens
from core.key_file import key_file
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
    encryption: EncryptionKeys
    oidc: OidcSignIn | None = None

    def bearer(self, secret: str) -> Person:
        """Return the person and the rights that a session or API token carries. Raises NotSignedIn."""
        if secret.startswith("ccs_"):
            return self.sessions.check(secret).person
        return self.tokens.check(secret)


def open_access(store: Store, chosen: Settings) -> Access:
    """Raises SetupError if what is encrypted in the database cannot be read with the keys there are."""
    encryption = encryption_keys(store, chosen)
    credentials = Credentials(store, encryption)
    credentials.check()
    seal_all(store, encryption)
    oidc = None
    if chosen.auth == "oidc":
        oidc = OidcSignIn(store, rules_of(chosen), cookie_secret(chosen).encode())
    return Access(
        SignIn(store), Sessions(store), Tokens(store), People(store), credentials, Audit(store), encryption, oidc
    )


def cookie_secret(chosen: Settings) -> str:
    """Return the secret that cookies of AUTH=oidc are signed with. Raises SetupError."""
    if chosen.oidc_cookie_secret is not None:
        return chosen.oidc_cookie_secret.get_secret_value()
    return key_file(chosen.data_dir / "cookie.key", lambda: secrets.token_urlsafe(32).encode()).decode(
        "ascii", "replace"
    )
