"""Costs and Traces over a year of traces, beside the same questions asked of the rows."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from core.analytics.choice import Choice, default_choice
from core.analytics.costs import Costs
from core.analytics.filters import TraceFilter, conditions
from core.analytics.rollups.question import Dimension
from core.analytics.traces import Traces
from core.store.database import Store, open_store
from core.store.tables import TaskTrace
from tests.bench.report import Figure, percentile, show
from tests.bench.year import END, UNKNOWN_MODEL
from tests.core.rows import ADMIN

TIMES = 9
_traces = TaskTrace.__table__


def measure(url: str) -> None:
    store = open_store(url)
    try:
        number = Costs(store).total(ADMIN, a_year()).traces
        top = largest(store)
        show(f"Costs on {store.dialect}, {number:,} traces; the baseline reads rows", costs_figures(store, top))
        show(f"Traces on {store.dialect}; the baseline is the first page without a filter", traces_figures(store, top))
    finally:
        store.close()


def a_year() -> Choice:
    return default_choice(ZoneInfo("UTC"), END).with_preset("12m", END)


def largest(store: Store) -> dict[Dimension, str]:
    """The agent, model and person with the most spend, by which a filter leaves the most."""
    costs = Costs(store)
    return {by: groups[0].id for by, groups in costs.view(ADMIN, a_year(), costs.names(ADMIN), END).tops.items()}


def costs_figures(store: Store, top: dict[Dimension, str]) -> list[Figure]:
    """The whole page's data, beside what the row scans of its three main questions take."""
    costs, year = Costs(store), a_year()
    names, month = costs.names(ADMIN), year.with_preset("30d", END)
    agent, model, person = ((top[by],) for by in ("agent", "model", "person"))
    choices = {
        "30 days": month,
        "12 months": year,
        "12 months, Kathmandu": replace(year, zone=ZoneInfo("Asia/Kathmandu")),
        "12 months, failed ones": replace(year, statuses=("failed",)),
        "12 months, the top agent": replace(year, agents=agent),
        "12 months, the top agent and model": replace(year, agents=agent, models=model),
        "12 months, the top agent and person": replace(year, agents=agent, people=person),
        "12 months, the top person and model": replace(year, people=person, models=model),
        "12 months, the top of all three": replace(year, agents=agent, models=model, people=person),
    }
    return [
        Figure(f"page of {name}", "ms", timed(partial(costs.view, ADMIN, choice, names, END)), scanned(store, choice))
        for name, choice in choices.items()
    ]


def scanned(store: Store, choice: Choice) -> float:
    """Spend a day and model, by agent, and by person, from the rows of traces."""
    day = func.substr(_traces.c.started_at, 1, 10) if store.dialect == "sqlite" else func.date(_traces.c.started_at)
    spend, met = func.sum(_traces.c.cost_nanos), conditions(choice.filter)
    groups = ((day, _traces.c.model), (_traces.c.master_agent_id,), (_traces.c.owner_id,))

    def ask(connection: Connection) -> None:
        for group in groups:
            connection.execute(select(*group, spend).where(*met).group_by(*group)).all()

    def scan() -> None:
        with store.read() as connection:
            ask(connection)

    return timed(scan, times=1)


def traces_figures(store: Store, top: dict[Dimension, str]) -> list[Figure]:
    traces, year = Traces(store), a_year().filter
    deep = traces.page(ADMIN, replace(year, end=END - timedelta(days=300)))[-1]
    agent, model, person = ((top[by],) for by in ("agent", "model", "person"))
    span = traces.spans(ADMIN, deep.id)[0]
    choices = {
        "of an agent": TraceFilter(agents=agent),
        "of an agent, a model and a person": TraceFilter(agents=agent, models=model, people=person),
        "of two models": TraceFilter(models=(*model, UNKNOWN_MODEL)),
        "of failed ones": TraceFilter(statuses=("failed",)),
        "with a common word": TraceFilter(text="report"),
        "with three words": TraceFilter(text="report budget forec"),
        "with a rare word": TraceFilter(text="12345"),
        "with a word, of a person": TraceFilter(text="report", people=person),
        "with a word that nobody said": TraceFilter(text="unsaid"),
        "with a request id": TraceFilter(text=span.request_id or ""),
    }
    plain = timed(lambda: traces.page(ADMIN, year))
    others: dict[str, Callable[[], object]] = {
        "page ten months deep": lambda: traces.page(ADMIN, year, before=(deep.started_at, deep.id)),
        "a trace's detail": lambda: traces.detail(ADMIN, deep.id),
        "sums of the year, above the list": lambda: Costs(store).total(ADMIN, a_year()),
        "what can be chosen": lambda: Costs(store).names(ADMIN),
    }
    pages = {
        f"first page {name}": partial(traces.page, ADMIN, replace(chosen, start=year.start, end=year.end))
        for name, chosen in choices.items()
    }
    return [Figure(name, "ms", timed(question), plain) for name, question in (pages | others).items()]


def timed(question: Callable[[], object], times: int = TIMES) -> float:
    """The median in milliseconds, the first time left out where there are several."""
    seconds = []
    for _ in range(times + (times > 1)):
        started = time.perf_counter()
        question()
        seconds.append(time.perf_counter() - started)
    return percentile(seconds[times > 1 :], 0.5) * 1_000
