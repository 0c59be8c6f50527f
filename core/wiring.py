"""The only place that picks implementations and keeps the running ones."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo

from core.access.access import Access, open_access
from core.access.local import local_person
from core.access.roles import Person
from core.access.standing import as_now, lost
from core.agent.mcp.servers import McpServers
from core.agent.tools.tool import Tool
from core.analytics.costs import Costs
from core.analytics.rollups.refresher import Refresher
from core.analytics.traces import Traces
from core.books.books import Books
from core.books.instance import this_instance
from core.books.spool import Spool
from core.budgets.bounds import Bounds
from core.budgets.budgets import Budgets
from core.chat.agent_run import RunServices
from core.chat.answers import Answers
from core.chat.approvals import Approvals
from core.chat.delegation import ask_agent
from core.chat.engine import Engine
from core.chat.mcp_status import McpStatus
from core.chat.provider_keys import ProviderKeys
from core.chat.quota import Quotas
from core.chat.standing import Standing
from core.chat.turns import Turns
from core.chat.watching import Watchers
from core.conversations.conversations import Conversations
from core.demo.agents import seed
from core.demo.month import DemoMonth
from core.errors import NotSignedIn, SetupError, ShuttingDown
from core.exports.exports import Exports
from core.exports.links import signing_key
from core.pricing import PriceBook, price_book
from core.provider.anthropic.client import environment_key, open_provider
from core.provider.provider import Provider
from core.registry.agents import Agents
from core.registry.mcp_registry import McpRegistry
from core.settings import Settings, settings
from core.store.database import Store, open_store
from core.toolbox.own_tools import own_tools
from core.toolbox.toolset import Toolbox


@dataclass(frozen=True, slots=True)
class Services:
    """The running parts, ready to use from any thread."""

    settings: Settings
    store: Store
    provider: Provider
    book: PriceBook
    engine: Engine
    books: Books
    agents: Agents
    conversations: Conversations
    traces: Traces
    costs: Costs
    exports: Exports
    demo: DemoMonth
    refresher: Refresher
    registry: McpRegistry
    mcp: McpServers
    mcp_status: McpStatus
    approvals: Approvals
    turns: Turns
    answers: Answers
    access: Access
    budgets: Budgets
    bounds: Bounds
    keys: ProviderKeys
    who: Callable[[], Person]

    @property
    def me(self) -> Person:
        """Who asks, looked up again each time. Raises NotSignedIn."""
        return self.who()

    def close(self) -> None:
        """Book every live turn, then let go of the servers of tools, the provider and the database."""
        self.exports.close()
        self.engine.drain(self.settings.drain_seconds, self._let_go)
        self.books.shut()
        self.refresher.stop()
        self.store.close()

    async def _let_go(self) -> None:
        await self.mcp.close()
        await self.provider.close()


def open_services(
    chosen: Settings, provider: Provider | None = None, tools: Mapping[str, Tool] | None = None
) -> Services:
    """Migrate, recover what an earlier process left, seed, start the engine; ``tools`` replace those of this process.

    Raises StoreError or SetupError.
    """
    key = signing_key(chosen.data_dir / "signing.key")
    store = open_store(chosen.url)
    access = _open_access(store, chosen)
    book = price_book(chosen.price_book)
    instance, zone = this_instance(), ZoneInfo(chosen.time_zone)
    books = Books(store, book, _open_spool(store, chosen, instance.id), instance)
    books.take_over()
    agents, registry = Agents(store), McpRegistry(store, access.encryption)
    me = _begin(store, agents, registry) if chosen.auth == "none" or not access.people.is_set_up() else None
    provider, refresher = provider or open_provider(chosen), Refresher(store, zone)
    engine = Engine(books, partial(lost, store), grace_seconds=chosen.grace_seconds)
    _begin_chores(engine, refresher, books)
    mcp, approvals = McpServers(registry.active), Approvals(store, chosen.approval_seconds, instance.id)
    toolbox = Toolbox(own_tools(store) if tools is None else tools, mcp, agents, provider)
    bounds, keys = Bounds(store, book), _keys(chosen, access, provider, engine)
    works = (approvals, Standing(partial(as_now, store)), ask_agent, engine.wake, engine.call_soon)
    parts = RunServices(provider, books, book, bounds, toolbox, *works, *_seconds(chosen))
    return Services(
        settings=chosen,
        store=store,
        provider=provider,
        book=book,
        engine=engine,
        books=books,
        agents=agents,
        conversations=Conversations(store),
        traces=Traces(store),
        costs=Costs(store),
        exports=Exports(store, key),
        demo=DemoMonth(store, book, zone),
        refresher=refresher,
        registry=registry,
        mcp=mcp,
        mcp_status=McpStatus(registry, mcp, engine),
        approvals=approvals,
        turns=Turns(store, agents, engine, parts, keys, Quotas(chosen.answers_at_once, chosen.messages_per_day, zone)),
        answers=Answers(store, engine, Watchers(store, chosen.grace_seconds)),
        access=access,
        budgets=Budgets(store, zone),
        bounds=bounds,
        keys=keys,
        who=partial(_who, chosen, me),
    )


def _keys(chosen: Settings, access: Access, provider: Provider, engine: Engine) -> ProviderKeys:
    """Raises SetupError if ANTHROPIC_API_KEY cannot be a key."""
    return ProviderKeys(chosen, environment_key(chosen), access.credentials, provider, engine)


def _seconds(chosen: Settings) -> tuple[float, float]:
    return chosen.turn_seconds, chosen.drain_stopped_seconds


def _begin_chores(engine: Engine, refresher: Refresher, books: Books) -> None:
    """Keep the sums fresh; what had no price until now gets one beside all else, if the price book has it."""
    refresher.start()
    engine.begin("reprice", lambda: asyncio.to_thread(books.correct))


def _begin(store: Store, agents: Agents, registry: McpRegistry) -> Person:
    """Write what there is at first, and the local person, whom the first admin takes the place of."""
    me = local_person(store)
    seed(agents, registry, me.id)
    return me


def _who(chosen: Settings, local: Person | None) -> Person:
    """Return the local person; with sign-in nobody, until a door has found out who stands there. Raises NotSignedIn."""
    if local is None or chosen.auth != "none":
        raise NotSignedIn("Nobody is signed in.")
    return local


def _open_access(store: Store, chosen: Settings) -> Access:
    """Raises SetupError, with the store closed."""
    try:
        return open_access(store, chosen)
    except SetupError:
        store.close()
        raise


def _open_spool(store: Store, chosen: Settings, instance_id: str) -> Spool:
    """Raises SetupError, with the store closed."""
    folder = chosen.data_dir / "spool"
    try:
        return Spool(folder, instance_id)
    except OSError as error:
        store.close()
        raise SetupError(
            f"The folder {folder} cannot be written ({error.strerror}). Let this user write there."
        ) from None


_opening = threading.Lock()
_closing = threading.Lock()
_running: Services | None = None
_leaving = threading.Event()


def services() -> Services:
    """Return the process's services, opened at the first call; while they are being closed they stay the same ones.

    Raises ShuttingDown when the process is about to end and they are closed.
    """
    global _running
    with _opening:
        if _running is None and _leaving.is_set():
            raise ShuttingDown("The server is shutting down. Try again in a minute.")
        if _running is None:
            _running = open_services(settings())
        return _running


def start() -> None:
    services()


def drain() -> None:
    """Close the services if they are open: every live turn is booked when this returns, also if another asked first."""
    global _running
    with _closing:
        if _running is not None:
            _running.close()
            _running = None


def rescue() -> None:
    """Put what is not booked onto the disk, and wait for nobody."""
    if _running is not None:
        _running.books.kept.rescue()


def leave() -> None:
    """Drain, and open nothing for later callers until the process is gone."""
    _leaving.set()
    drain()
