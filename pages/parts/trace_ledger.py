"""The money of a trace: its ledger lines, each with its price, and that every level adds up to the next."""

import re
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

import streamlit as st

from core.analytics.trace_detail import Sum, TraceDetail
from core.analytics.trace_parts import LedgerRow
from core.units import BY_NAME
from pages.parts.amount_column import amount_column
from pages.parts.figures import NOTHING, exact, in_short, same_length, usd
from pages.parts.markdown import as_cell, as_text
from pages.parts.wide import table_height

_LEVELS = {"span": "ledger line", "session": "step", "trace": "session"}
_TIME = "%Y-%m-%d %H:%M:%S"
_TOLD_APART = 20
_AMOUNT = "Amount, USD"


def draw_ledger(detail: TraceDetail, labels: Mapping[str, str], zone: ZoneInfo) -> None:
    st.subheader("Ledger", anchor=False)
    if detail.ledger:
        st.dataframe(
            in_short(_lines(labels, detail.ledger, zone), _AMOUNT),
            hide_index=True,
            height=table_height(len(detail.ledger)),
            placeholder=NOTHING,
            column_config={
                "Quantity": st.column_config.NumberColumn(format="localized"),
                "Unit price, USD": st.column_config.TextColumn(alignment="right"),
                _AMOUNT: amount_column(usd(line.amount) for line in detail.ledger),
                "Price source": st.column_config.LinkColumn(width="medium"),
            },
        )
    else:
        st.caption("Nothing was billed." if detail.trace.basis else "Nothing is booked before the turn ends.")
    st.markdown("  \n".join(_checks(detail, labels)))


def _lines(labels: Mapping[str, str], lines: Sequence[LedgerRow], zone: ZoneInfo) -> list[dict[str, object]]:
    amounts = same_length(usd(line.amount) for line in lines)
    return [_line(labels, line, zone) | {_AMOUNT: amount} for line, amount in zip(lines, amounts, strict=True)]


def _line(labels: Mapping[str, str], line: LedgerRow, zone: ZoneInfo) -> dict[str, object]:
    marks = [word for word, marked in (("correction", line.correction), ("estimate", line.estimated)) if marked]
    return {
        "Step": as_cell(labels[line.span_id]),
        "Billed": BY_NAME[line.unit].label if line.unit in BY_NAME else as_cell(line.unit),
        "Quantity": line.quantity,
        "Unit price, USD": _price(line),
        _AMOUNT: "",
        "Mark": ", ".join(marks),
        "Price of": as_cell(line.model),
        "Price from": line.price_from.strftime("%Y-%m-%d") if line.price_from else "",
        "Price source": _address_in(line.price_source or ""),
        "Recorded": line.recorded_at.astimezone(zone).strftime(_TIME),
    }


def _price(line: LedgerRow) -> str:
    """Exact; of tokens by the million, as price lists have it."""
    if line.unit_price_usd is None:
        return "unknown"
    if line.unit in BY_NAME and not BY_NAME[line.unit].is_tokens:
        return f"{line.unit_price_usd.normalize():f} each"
    return f"{(line.unit_price_usd * 1_000_000).normalize():f} per million"


def _checks(detail: TraceDetail, labels: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each level; of very many steps the ones that add up are told in one."""
    tools, several = {span.id for span in detail.tools}, len(detail.spans) > _TOLD_APART
    sums = [each for each in detail.sums() if each.id not in tools or not each.adds_up]
    told = [each for each in sums if each.level != "span" or not several or not each.adds_up]
    if len(told) < len(sums):
        calls = len(sums) - len(told)
        yield f":green[:material/check_circle:] {calls} model calls: each is what its ledger lines come to"
    yield from (_check(labels, each) for each in told)


def _check(labels: Mapping[str, str], sums: Sum) -> str:
    parts = f"{sums.parts} {_LEVELS[sums.level]}{'' if sums.parts == 1 else 's'}" if sums.parts else "nothing billed"
    name = f"**{as_text(labels[sums.id])}**"
    if not sums.adds_up:
        return (
            f":red[:material/error:] {name}: {parts} come to {exact(sums.come_to)}, but {exact(sums.booked)} is booked"
        )
    if sums.booked is None:
        return f":gray[:material/help:] {name}: {parts}, not all of known cost"
    return f":green[:material/check_circle:] {name}: {parts} = {exact(sums.booked)}"


def _address_in(source: str) -> str | None:
    found = re.search(r"https://\S+", source)
    return found.group() if found else None
