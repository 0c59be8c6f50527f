"""Every knob, read once from the environment and from ``.env``."""

import re
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import SetupError
from core.place import HOME

_LEAST_COOKIE_SECRET = 32
_SUB_PATH = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._~-]*)*")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?")


class Settings(BaseSettings):
    """Each field's description is its line in the README's configuration table."""

    model_config = SettingsConfigDict(env_file=HOME / ".env", env_ignore_empty=True, extra="ignore", frozen=True)

    anthropic_api_key: SecretStr | None = Field(
        None, description="Key for the Anthropic API, used where no key was entered on the pages."
    )
    provider: Literal["auto", "anthropic", "simulated"] = Field(
        "auto",
        description="`anthropic` never answers without a key, `simulated` always simulates, `auto` does without a key.",
    )
    anthropic_base_url: str | None = Field(None, description="Another address that speaks the Messages API.")
    database_url: str = Field(
        "", description="SQLAlchemy URL of the database; empty means SQLite in `DATA_DIR`/app.db."
    )
    data_dir: Path = Field(HOME / "data", description="Folder for the SQLite database and the spool; must be writable.")
    port: int = Field(8501, ge=1, le=65535, description="The TCP port to serve on.")
    bind_address: str = Field(
        "127.0.0.1", description="The address to serve on; any but loopback needs `AUTH` and `PUBLIC_URL`."
    )
    auth: Literal["none", "accounts", "oidc"] = Field(
        "none", description="Who signs in: nobody, people with passwords, or people of an identity provider."
    )
    public_url: str = Field("", description="The address people open, if not this machine's own; it may have a path.")
    cors_origins: str = Field(
        "", description="Origins whose pages may call the API, with commas between, such as `https://app.example.org`."
    )
    default_agent: str = Field(
        "", description="Name of the agent that answers where a program names none; empty: the first active one."
    )
    requests_per_minute: int = Field(
        600, ge=1, description="How often a minute one program may call; the answer is 429 then."
    )
    pages_at_once: int = Field(40, ge=1, description="How many pages one person may have open in one process.")
    pages_in_all: int = Field(1000, ge=1, description="How many pages may be open in one process.")
    page_idle_seconds: float = Field(
        14_400, gt=0, description="How long an open page may be silent before its connection is closed."
    )
    uploads: int = Field(100, ge=1, description="How many files one person may have uploaded and not sent yet.")
    upload_megabytes: int = Field(150, ge=1, description="How many MB of such files one person may have.")
    upload_megabytes_in_all: int = Field(1500, ge=1, description="How many MB of such files one process keeps.")
    forwarded_allow_ips: str = Field(
        "127.0.0.1,::1",
        description="Reverse proxies whose `X-Forwarded-For` is believed, by address; nobody's without `PUBLIC_URL`.",
    )
    oidc_discovery_url: str = Field(
        "", description="For `AUTH=oidc`: the address of the identity provider's `/.well-known/openid-configuration`."
    )
    oidc_client_id: str = Field("", description="The name under which Command Center is registered there.")
    oidc_client_secret: SecretStr | None = Field(None, description="The secret that belongs to that name.")
    oidc_scope: str = Field("openid email profile", description="What the identity provider is asked to tell.")
    oidc_admins: str = Field("", description="E-mail addresses, with commas between, of people who are admins.")
    oidc_groups: str = Field("", description="Which groups have which role, such as `finance-team=finance,ops=admin`.")
    oidc_groups_claim: str = Field("groups", description="Where the identity provider tells somebody's groups.")
    oidc_cookie_secret: SecretStr | None = Field(
        None, description="Signs cookies; the same for all processes behind one address. Without it, one in `DATA_DIR`."
    )
    price_book: Literal["anthropic", "original"] = Field(
        "anthropic", description="`anthropic`: true dated prices. `original`: the first system's flat rates."
    )
    time_zone: str = Field("UTC", description="The organisation's reporting zone, an IANA name.")
    grace_seconds: float | None = Field(
        300,
        ge=0,
        description="How long a turn nobody watches goes on; 0 stops it, `none` runs it to its end.",
    )
    turn_seconds: float = Field(900, gt=0, description="The longest one answer may take, in seconds.")
    approval_seconds: float = Field(
        600, gt=0, description="How long a tool waits for somebody's consent before it counts as denied."
    )
    answers_at_once: int = Field(10, ge=1, description="How many answers one person may have written at the same time.")
    messages_per_day: int = Field(
        2000, ge=1, description="How many messages one person may send in a day of `TIME_ZONE`, programs included."
    )
    connect_seconds: float = Field(5, gt=0, description="Time-out for connecting to the provider.")
    read_seconds: float = Field(60, gt=0, description="Longest silence of the provider within a stream.")
    attempts: int = Field(3, ge=1, le=10, description="Most tries for one answer; only before its first event.")
    retry_after_cap_seconds: float = Field(
        20, ge=0, description="Longest wait between tries, whatever the provider asks for."
    )
    drain_seconds: float = Field(
        10, ge=0, le=20, description="At shutdown, how long running turns may still finish by themselves."
    )
    drain_stopped_seconds: float = Field(
        0,
        ge=0,
        le=600,
        description="How long a stopped answer, and those of agents it asked, is still read for its exact usage.",
    )
    simulator_pace: float = Field(
        1.0, ge=0, description="Speed of the simulated provider: 1 is realistic, 0 answers without pauses."
    )
    encryption_keys: SecretStr | None = Field(
        None,
        description="Keys that encrypt secrets in the database, newest first; without them, one in `DATA_DIR`.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What the log shows.")

    @field_validator("grace_seconds", mode="before")
    @classmethod
    def _none_is_for_ever(cls, value: object) -> object:
        return None if isinstance(value, str) and value.strip().lower() == "none" else value

    @field_validator("anthropic_api_key", "encryption_keys", "oidc_client_secret", "oidc_cookie_secret", mode="before")
    @classmethod
    def _blank_is_no_key(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("oidc_groups")
    @classmethod
    def _groups_with_roles(cls, value: str) -> str:
        for pair in filter(str.strip, value.split(",")):
            group, _, role = pair.rpartition("=")
            if not group.strip() or role.strip() not in ("operator", "finance", "admin"):
                raise ValueError("not groups with one of operator, finance, admin, such as platform=admin")
        return value

    @field_validator("oidc_cookie_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < _LEAST_COOKIE_SECRET:
            raise ValueError(f"it must have at least {_LEAST_COOKIE_SECRET} characters")
        return value

    @field_validator("oidc_discovery_url")
    @classmethod
    def _safe_to_believe(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("not an address that begins with https://")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in _zones():
            raise ValueError("not an IANA time zone such as Europe/Berlin")
        return value

    @field_validator("bind_address")
    @classmethod
    def _an_address(cls, value: str) -> str:
        try:
            ip_address(value)
        except ValueError:
            raise ValueError("not an IP address such as 127.0.0.1") from None
        return value

    @field_validator("public_url")
    @classmethod
    def _a_place(cls, value: str) -> str:
        parts = urlsplit(value)
        odd = parts.query or parts.fragment or not _SUB_PATH.fullmatch(parts.path.rstrip("/"))
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or odd):
            raise ValueError("not an address such as https://command.example.org or https://example.org/costs")
        return value.rstrip("/")

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: str) -> str:
        """Named ones only: everybody's pages could ask in the name of who opens them."""
        found = [each.strip().rstrip("/").lower() for each in value.split(",") if each.strip()]
        if not all(_ORIGIN.fullmatch(each) for each in found):
            raise ValueError("not origins such as https://app.example.org,http://localhost:3000")
        return ",".join(found)

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _addresses(cls, value: str) -> str:
        """Never everybody: the address that attempts to sign in are counted by would be what each visitor says."""
        proxies = [each.strip() for each in value.split(",") if each.strip()]
        try:
            networks = [ip_network(each) for each in proxies]
        except ValueError:
            raise ValueError("not addresses such as 127.0.0.1,10.0.0.0/8") from None
        if any(network.prefixlen == 0 for network in networks):
            raise ValueError("it must not be everybody")
        return ",".join(proxies)

    @model_validator(mode="after")
    def _no_stranger_comes_in(self) -> "Settings":
        """Raises SetupError."""
        if not ip_address(self.bind_address).is_loopback and (self.auth == "none" or not self.public_url):
            raise SetupError(
                f"The setting BIND_ADDRESS={self.bind_address} lets others in, so that people must sign in: "
                "set AUTH=accounts (or oidc) and PUBLIC_URL to the address they open, or serve on 127.0.0.1."
            )
        return self

    @model_validator(mode="after")
    def _somebody_can_come_in(self) -> "Settings":
        """Raises SetupError."""
        known = self.oidc_discovery_url and self.oidc_client_id and self.oidc_client_secret
        if self.auth == "oidc" and not known:
            raise SetupError("AUTH=oidc needs OIDC_DISCOVERY_URL, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET. Set them.")
        if self.auth == "oidc" and not self.oidc_admins.strip() and "admin" not in self.oidc_roles.values():
            raise SetupError(
                "AUTH=oidc needs an admin: set OIDC_ADMINS, or a group in OIDC_GROUPS with the role admin."
            )
        return self

    @property
    def oidc_roles(self) -> dict[str, str]:
        """By group."""
        pairs = (pair.rpartition("=") for pair in self.oidc_groups.split(",") if pair.strip())
        return {group.strip(): role.strip() for group, _, role in pairs}

    @property
    def origins(self) -> frozenset[str]:
        """Whose pages may call the API besides our own."""
        return frozenset(self.cors_origins.split(",")) - {""}

    @property
    def url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'app.db'}"

    @property
    def address(self) -> str:
        """Where people open it."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def sub_path(self) -> str:
        """Below which path they open it: ``/costs``, or nothing."""
        return urlsplit(self.public_url).path

    @property
    def shown(self) -> list[tuple[str, str, bool]]:
        """Name, value without its secrets, and whether it was given, of each setting."""
        return [
            (name.upper(), self._without_secrets(getattr(self, name)), name in self.model_fields_set)
            for name in type(self).model_fields
        ]

    def _without_secrets(self, value: object) -> str:
        if isinstance(value, SecretStr):
            return "(secret)"
        text = "" if value is None else str(value).removesuffix(".0") if isinstance(value, float) else str(value)
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "(secret)")
        return text

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may show."""
        key = self.anthropic_api_key.get_secret_value() if self.anthropic_api_key else ""
        passwords = _passwords(self.database_url) | _passwords(self.anthropic_base_url or "")
        keys = self.encryption_keys.get_secret_value().replace(",", " ").split() if self.encryption_keys else ()
        signing = [each.get_secret_value() for each in (self.oidc_client_secret, self.oidc_cookie_secret) if each]
        return tuple(secret for secret in (key, *passwords, *keys, *signing) if secret)


@cache
def _zones() -> set[str]:
    """They are files, some 600 of them, and do not change while the process lives."""
    return available_timezones()


def _passwords(url: str) -> set[str]:
    """As they are written and as they are meant."""
    try:
        parts = urlsplit(url)
        written = [parts.password or "", *parse_qs(parts.query).get("password", [])]
    except ValueError:
        return set()
    return {form for password in written for form in (password, unquote(password)) if form}


@cache
def settings() -> Settings:
    """Return the process's settings; raises SetupError with one sentence on a bad one."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        problem = first["msg"].removeprefix("Value error, ")
        raise SetupError(f"The setting {name} is not usable: {problem}. Correct it and start again.") from None
