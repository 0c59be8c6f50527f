"""Whose key pays for an answer, and the keys people enter: tried with the provider before they are kept."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal, TypeAlias

from pydantic import SecretStr

from core.access.credentials import Credentials, CredentialView, CredentialViews
from core.access.roles import Person
from core.chat.engine import Engine
from core.errors import InputError, NoProviderKey, NotFound, ProviderError
from core.events import Provenance
from core.provider.provider import Provider
from core.provider.request import CallKey, KeySource
from core.settings import Settings

Answering: TypeAlias = KeySource | Literal["simulated", "nobody"]
"""Whose key the provider is asked with, or who answers instead."""

_UNREACHABLE = ("connection_error", "connect_timeout", "timeout_error", "turn_timeout")
_REFUSED = "authentication_error"
_NO_KEY = (
    "No Anthropic API key configured. Enter a key of your own on the page Account, or ask an admin to enter the "
    "organisation's on the page Settings. Nothing was sent."
)


class ProviderKeys:
    """From any thread but the engine's."""

    def __init__(
        self,
        settings: Settings,
        environment: CallKey | None,
        credentials: Credentials,
        provider: Provider,
        engine: Engine,
    ) -> None:
        self._mode, self._environment = settings.provider, environment
        self._credentials, self._provider, self._engine = credentials, provider, engine

    def key_for(self, by: Person) -> CallKey | None:
        """Return the person's own, else the organisation's, else the environment's; None: the simulator answers.

        Raises NoProviderKey, SetupError.
        """
        if self._mode == "simulated":
            return None
        kept = self._credentials.key_for(by.id)
        if kept is not None:
            return CallKey(kept.secret, "organisation" if kept.owner_id is None else "own")
        if self._environment is None and self._mode == "anthropic":
            raise NoProviderKey(_NO_KEY)
        return self._environment

    def answering(self, by: Person) -> Answering:
        """Return whose key that would be, without looking at it."""
        if self._mode == "simulated":
            return "simulated"
        if self._environment is not None:
            return self._credentials.whose(by.id) or "environment"
        return self._credentials.whose(by.id) or ("nobody" if self._mode == "anthropic" else "simulated")

    def answers_here(self) -> frozenset[Provenance]:
        """Return what kinds of answers this installation gives now, to any caller: none, if nobody has a key."""
        if self._mode == "simulated":
            return frozenset(("simulated",))
        for_all = self._environment is not None or self._credentials.anybody(organisation=True)
        kinds: set[Provenance] = set()
        if for_all or self._credentials.anybody(organisation=False):
            kinds.add("real")
        if not for_all and self._mode == "auto":
            kinds.add("simulated")
        return frozenset(kinds)

    def list(self, by: Person) -> CredentialViews:
        """Return the organisation's and one's own. Raises NotAllowed."""
        return self._credentials.list(by)

    def set(self, by: Person, secret: str, *, organisation: bool) -> CredentialView:
        """Keep it in place of the one before, unless the provider refuses it; its view says what came of the test.

        Raises InputError, NotAllowed, SetupError, ShuttingDown.
        """
        secret = self._credentials.acceptable(by, secret, organisation=organisation)
        tested = self._mode != "simulated"
        problem = self._try(CallKey(SecretStr(secret), _source(organisation))) if tested else None
        if problem == _REFUSED:
            raise InputError("The provider does not accept this key, so it was not kept. Copy the whole of it again.")
        kept = self._credentials.set(by, secret, organisation=organisation)
        if tested:
            self._credentials.tested(kept.id, problem and _in_words(problem))
        return self._view(by, organisation)

    def test(self, by: Person, *, organisation: bool) -> CredentialView:
        """Try the kept key again. Raises NotFound, NotAllowed, InputError, SetupError, ShuttingDown."""
        key = self._credentials.key_of(by, organisation=organisation)
        if key is None:
            raise NotFound("There is no key to test any more. Enter one.")
        if self._mode == "simulated":
            raise InputError("PROVIDER=simulated: no key is used, so none is tested.")
        problem = self._try(CallKey(key.secret, _source(organisation)))
        self._credentials.tested(key.credential_id, problem and _in_words(problem))
        return self._view(by, organisation)

    def remove(self, by: Person, *, organisation: bool) -> None:
        """Remove the key; it is no error if there is none. Raises NotAllowed."""
        self._credentials.remove(by, organisation=organisation)

    def _try(self, key: CallKey) -> str | None:
        """Return the kind of what goes wrong, if anything does."""
        check: Callable[[], Awaitable[None]] = partial(self._provider.check, key)
        try:
            with self._engine.admission():
                self._engine.call(check)
        except ProviderError as error:
            return error.kind
        return None

    def _view(self, by: Person, organisation: bool) -> CredentialView:
        for view in self._credentials.list(by):
            if (view.owner_id is None) == organisation:
                return view
        raise NotFound("The key was removed meanwhile. Enter one.")


def _source(organisation: bool) -> KeySource:
    return "organisation" if organisation else "own"


def _in_words(kind: str) -> str:
    if kind == _REFUSED:
        return "The provider does not accept this key."
    if kind in _UNREACHABLE:
        return "The provider could not be reached."
    return f"The provider could not say ({kind})."
