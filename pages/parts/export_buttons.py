"""The files of what is chosen: links that open them, how far they have come, and what finished ones sum up to."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from core.access.roles import Permission, may
from core.analytics.choice import Choice
from core.analytics.filters import TraceFilter
from core.clock import now
from core.errors import NotFound
from core.exports.columns import FILES, FileName
from core.exports.links import Order, address
from core.exports.progress import Progress
from core.wiring import Services
from pages.parts.asking import asks
from pages.parts.figures import byte_size, exact
from pages.parts.markdown import as_text
from pages.parts.problems import told

_OFFER, _POPOVER = "exports-offer", "exports-popover"
SIGNED_FOR = timedelta(minutes=5)
_LABELS: dict[FileName, str] = {"traces": "Traces", "ledger": "Ledger lines"}
_HELP: dict[FileName, str] = {
    "traces": "One row a trace: who, what, tokens, exact cost.",
    "ledger": "One row a billed quantity, with its price and where that was published.",
}


@dataclass(slots=True)
class Offer:
    """The links drawn for one choice; ``rows`` is how many traces it had, ``tokens`` open the files."""

    chosen: TraceFilter
    zone: str
    rows: int
    orders: dict[FileName, Order]
    tokens: dict[FileName, str]
    signed_at: datetime


def draw_exports(services: Services, choice: Choice) -> None:
    """Draw a button that opens both files of what is chosen, for who may have them."""
    if not may(services.me, Permission.EXPORTS):
        return
    popover = st.popover("Export", icon=":material/download:", key=_POPOVER, on_change="rerun")
    if popover.open:
        with popover:
            draw_files(services, choice.filter, choice.zone.key)


# A download is begun by a link, which no page is told of: what became of it has to be looked up.
@st.fragment(run_every=1.0)
@asks(Permission.EXPORTS)
def draw_files(services: Services, chosen: TraceFilter, zone: str) -> None:
    with told():
        offer = _offer(services, chosen, zone)
        traces = f"{offer.rows:,} trace{'' if offer.rows == 1 else 's'}"
        st.caption(f"CSV of the {traces} chosen, with exact dollars; times are UTC.")
        for order in offer.orders.values():
            _draw_file(services, order, offer.tokens[order.file])


def _draw_file(services: Services, order: Order, token: str) -> None:
    file = order.file
    root = services.settings.sub_path
    st.link_button(_LABELS[file], root + address(file, token), icon=":material/csv:", width="stretch", help=_HELP[file])
    _draw_progress(services, order, root + address(file, token, "/manifest"))


def _offer(services: Services, chosen: TraceFilter, zone: str) -> Offer:
    """Return the one drawn before while the choice is the same, so that what runs stays; its links never expire."""
    by, offer = services.me, st.session_state.get(_OFFER)
    if offer is None or (offer.chosen, offer.zone) != (chosen, zone):
        orders = {file: services.exports.order(by, file, chosen, zone) for file in FILES}
        offer = Offer(chosen, zone, orders["traces"].rows or 0, orders, _tokens(services, orders), now())
    if offer.signed_at < now() - SIGNED_FOR:
        offer.tokens, offer.signed_at = _tokens(services, offer.orders), now()
    st.session_state[_OFFER] = offer
    return offer


def _tokens(services: Services, orders: dict[FileName, Order]) -> dict[FileName, str]:
    return {file: services.exports.links.token(order) for file, order in orders.items()}


def _draw_progress(services: Services, order: Order, manifest: str) -> None:
    try:
        progress = services.exports.known(order)
    except NotFound:
        return
    match progress.state:
        case "running":
            _draw_running(progress)
        case "finished":
            _draw_finished(progress)
            st.link_button("Manifest", manifest, type="tertiary", icon=":material/fact_check:")
        case "failed":
            st.error(f"Broken off after {_so_far(progress)}. {as_text(progress.problem)}", icon=":material/error:")
        case "left":
            st.warning(
                f"Broken off by the browser after {_so_far(progress)}: that file is not complete.",
                icon=":material/warning:",
            )


def _draw_running(progress: Progress) -> None:
    expected = progress.order.rows
    if expected:
        st.progress(min(1.0, progress.rows / expected), f"{_so_far(progress)} of {expected:,}")
    else:
        st.caption(f":material/downloading: {_so_far(progress)} so far")


def _draw_finished(progress: Progress) -> None:
    unknown = f", {progress.unknown:,} of unknown cost" if progress.unknown else ""
    st.caption(f":material/check_circle: {_so_far(progress)}{unknown}. Sum: **{exact(progress.cost)}**. SHA-256:")
    st.code(progress.sha256, language=None, wrap_lines=True)


def _so_far(progress: Progress) -> str:
    return f"{progress.rows:,} row{'' if progress.rows == 1 else 's'} ({byte_size(progress.size)})"
