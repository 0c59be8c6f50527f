"""The figures at the head of Costs: what was spent, how sure that is, and what the month will come to."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import streamlit as st

from core.analytics.accuracy import Accuracy
from core.analytics.choice import Choice, as_address
from core.analytics.costs import CostsView, round_half_even
from core.analytics.spend import Spend, known
from core.money import Nanos, show_usd
from core.units import QUANTITIES, words_for
from pages.parts.figures import exact

_SHARES = 10_000
_TOKENS = ("input", "cache_write", "cache_read", "output")
_OTHER_TOKENS = tuple(
    measure
    for measure, units in QUANTITIES.items()
    if units[0].is_tokens and measure not in {f"{name}_tokens" for name in _TOKENS}
)


@dataclass(frozen=True, slots=True)
class _Figure:
    """``of`` is None where there is nothing to divide by, or no known price: then it reads ``missing``."""

    label: str
    of: Callable[[Spend], int | None]
    shown: Callable[[int], str]
    explained: Callable[[Spend], str]
    changed: Callable[[int | None, int | None], str | None]
    missing: str = "–"


def change(value: int | None, before: int | None) -> str | None:
    """Return the change in per cent of what was before; None if there was nothing."""
    if not before or value is None or before < 0:
        return None
    return f"{round_half_even((value - before) * 1_000, before) / 10:+,.1f} %"


def moved(share: int | None, before: int | None) -> str | None:
    """Say by how many per cent of the whole a share moved."""
    return None if share is None or before is None else f"{(share - before) / 100:+.2f} points"


def each(amount: Nanos | None, number: int) -> Nanos | None:
    return None if amount is None or not number else round_half_even(amount, number)


def short(number: int) -> str:
    """Write at most four digits and a letter: 12,345,678 is 12.3M, 999,960 is 1.0M."""
    if number < 10_000:
        return f"{number:,}"
    thousands, millions, billions = (round_half_even(number * 10, size) for size in (10**3, 10**6, 10**9))
    if thousands < 10_000:
        return f"{thousands / 10:.1f}k"
    return f"{millions / 10:.1f}M" if millions < 10_000 else f"{billions / 10:,.1f}B"


def exact_share(sums: Spend) -> int | None:
    """Write hundredths of a per cent, rounded down: all is exact only if nothing is estimated."""
    return (sums.spend - sums.estimated) * _SHARES // sums.spend if sums.spend else None


def share(hundredths: int) -> str:
    return f"{hundredths / 100:.2f} %"


def _explained(sums: Spend) -> str:
    if not sums.unpriced_calls:
        return f"Exactly {exact(sums.spend)}"
    calls = f"{sums.unpriced_calls:,} call{'' if sums.unpriced_calls == 1 else 's'} without a known price"
    return f"The cost of {calls} is unknown" if known(sums) is None else f"{exact(sums.spend)}, and {calls}"


def _tokens(sums: Spend) -> str:
    input_, write, read, output = (f"{sums.quantity(f'{name}_tokens'):,}" for name in _TOKENS)
    others = (f", {sums.quantity(measure):,} {words_for(measure)}" for measure in _OTHER_TOKENS)
    return f"{input_} input, {write} written to and {read} read from the cache, {output} output{''.join(others)}"


def _apiece(measure: str, label: str) -> _Figure:
    """Return a figure for what is no tokens and billed by the piece."""
    return _Figure(
        label,
        lambda sums: sums.quantity(measure),
        short,
        lambda sums: f"{sums.quantity(measure):,} {words_for(measure)}",
        change,
    )


_FIGURES = (
    _Figure("Spend", known, show_usd, _explained, change, "unknown"),
    _Figure(
        "Calls",
        lambda sums: sums.calls,
        short,
        lambda sums: f"{sums.calls:,} calls to a model, each attempt one",
        change,
    ),
    _Figure("Tokens", lambda sums: sums.tokens, short, _tokens, change),
    _Figure(
        "Cache savings",
        lambda sums: None if known(sums) is None else sums.saved,
        show_usd,
        lambda _: "What cached tokens would have cost as plain input, less what writing and reading them cost",
        change,
    ),
    _Figure(
        "Per answer",
        lambda sums: each(known(sums), sums.traces),
        show_usd,
        lambda sums: f"The spend divided by {sums.traces:,} messages that were answered",
        change,
    ),
    _Figure(
        "Known exactly",
        exact_share,
        share,
        lambda sums: f"Of the spend; {exact(sums.estimated)} are estimated, what has no price is in neither",
        moved,
    ),
)
_APIECE = {measure: _apiece(measure, units[0].label) for measure, units in QUANTITIES.items() if not units[0].is_tokens}


def draw_headline(view: CostsView) -> None:
    """Draw each figure with its course, against the period of as many days just before."""
    with st.container(horizontal=True):
        used = (figure for measure, figure in _APIECE.items() if view.total.quantity(measure))
        for figure in (*_FIGURES, *used):
            _draw(figure, view)


def _draw(figure: _Figure, view: CostsView) -> None:
    value, before = figure.of(view.total), figure.of(view.before)
    course = [_height(figure, sums) for _, sums in view.course]
    st.metric(
        figure.label,
        figure.missing if value is None else figure.shown(value).replace("$", r"\$"),
        delta=figure.changed(value, before),
        delta_color="off",
        help=figure.explained(view.total),
        border=True,
        chart_data=course if len(course) > 1 else None,
        chart_type="area",
        width="content",
        height="stretch",
    )


def _height(figure: _Figure, sums: Spend) -> float:
    """Each step has its place: one without calls is zero, one of unknown cost a gap."""
    value = figure.of(sums)
    return value if value is not None else (math.nan if sums.calls else 0)


def draw_certainty(choice: Choice, view: CostsView, default_zone: ZoneInfo, accuracy: Accuracy | None) -> None:
    """Draw how much of the spend is known exactly, with the ways to what is not."""
    total = view.total
    priced = share((total.calls - total.unpriced_calls) * _SHARES // total.calls)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{priced} of the calls have a known price", width="content")
        if total.unpriced_calls:
            _draw_way(choice, default_zone, ("unpriced",), f"{total.unpriced_calls:,} unpriced, not in the sums")
        if total.estimated:
            # Of a turn with an unpriced call a part may be estimated as well.
            bases = ("estimated", "unpriced") if total.unpriced_calls else ("estimated",)
            _draw_way(choice, default_zone, bases, f"{show_usd(total.estimated)} estimated".replace("$", r"\$"))
            st.caption(_how_near(accuracy), width="content")


def _how_near(accuracy: Accuracy | None) -> str:
    if accuracy is None or accuracy.off is None:
        return "How near estimates are is not known yet: too few answers have ended."
    return f"Nine of ten estimates of the newest {accuracy.replies:,} finished answers are within {accuracy.off:.0%}"


def _draw_way(choice: Choice, default_zone: ZoneInfo, bases: tuple[str, ...], label: str) -> None:
    address = as_address(replace(choice, bases=bases), default_zone)
    st.page_link("pages/traces.py", label=label, icon=":material/arrow_outward:", query_params=address)


def draw_month(choice: Choice, view: CostsView) -> None:
    """Draw below the figures what they are compared with, what a conversation cost, and the month so far."""
    before, talk = choice.range.before(), each(known(view.total), view.total.conversations)
    days = f"{before.first}" if before.days == 1 else f"{before.first} to {before.last}"
    compared = f"Changes are against {days}." if view.before.calls else f"Nothing was spent before, {days}."
    average = "" if talk is None else f"A conversation cost {show_usd(talk)} on average.".replace("$", r"\$")
    st.caption(
        f"{compared} {average}",
        help=f"The spend divided by {view.total.conversations:,} conversations that began in this time",
    )
    month = view.month
    so_far = f"**{month.first:%B %Y} so far** {show_usd(known(month))}"
    ahead = f"**projected** by {month.last:%B %-d} ≈ {show_usd(month.projected)}"
    if month.projected is None:
        ahead = "no projection on a month's first day"
    if known(month) is None:
        ahead = "no projection without known prices"
    st.caption(
        f":material/calendar_month: {so_far} · {ahead}".replace("$", r"\$"),
        help="The projection: if each day from today cost what the days that are over did on average, "
        "and today no less than it has already. "
        "The filters hold, the range does not.",
    )
