"""An agent on its page: its model and price, what it may use, and its limits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import streamlit as st

from core.chat.tool_choices import ToolChoice, tool_choices
from core.clock import now
from core.money import short_usd
from core.provider.models import find_model, retirement_warning
from core.registry.agents import AgentView
from core.wiring import Services
from pages.parts.agent_form import tool_label
from pages.parts.markdown import as_text


@dataclass(frozen=True, slots=True)
class Names:
    """How people call tools and agents; both by what a version of an agent holds."""

    tools: Mapping[str, ToolChoice]
    agents: Mapping[str, AgentView]

    def tool(self, name: str) -> str:
        return tool_label(self.tools[name]) if name in self.tools else name

    def agent(self, agent_id: str) -> str:
        found = self.agents.get(agent_id)
        return "an inactive agent" if found is None else found.name if found.active else f"{found.name} (inactive)"


def read_names(services: Services, agents: list[AgentView]) -> Names:
    """Read names without waiting for any server."""
    held = [name for agent in agents for name in agent.tools]
    choices = tool_choices(services.mcp_status.list(services.me), held)
    return Names({choice.name: choice for choice in choices}, {agent.id: agent for agent in agents})


def draw_about(services: Services, agent: AgentView, names: Names) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(as_text(agent.name), anchor=False, width="stretch")
        if agent.demo:
            st.badge("Demo month, cannot be asked", color="gray")
        elif not agent.active:
            st.badge("Inactive", color="gray")
        st.badge(f"Version {agent.version}", color="blue")
    st.markdown(as_text(agent.description))
    model = find_model(agent.model)
    st.caption(f"{model.label if model else as_text(agent.model)} · {price_line(services, agent.model)}")
    warning = retirement_warning(agent.model, now().date())
    if warning:
        st.warning(as_text(warning), icon=":material/event_busy:")
    if chips := [*_chips(agent, names)]:
        st.markdown(" ".join(chips))
    if unsent := _unsent(agent, names):
        st.warning(unsent, icon=":material/link_off:")
    if limits := limits_line(agent):
        st.caption(f":material/speed: One answer takes at most {limits}.")


def price_line(services: Services, model: str) -> str:
    """Return the list price of today, as Markdown."""
    card = services.book.rate_card(model, now())
    if card is None:
        return "No price is known for this model: its costs will show as unknown."
    price = card.usd_per_million
    cached = rf" · cache read \${price['cache_read']}" if "cache_read" in price else ""
    return rf"Per million tokens: input \${price['input']}{cached} · output \${price['output']}"


def _chips(agent: AgentView, names: Names) -> Iterator[str]:
    for name in agent.tools:
        choice = names.tools.get(name)
        if choice is not None and choice.missing:
            yield f":red-badge[:material/link_off: {as_text(names.tool(name))}]"
        elif name in agent.ask_first:
            yield f":orange-badge[:material/front_hand: {as_text(names.tool(name))}, asks first]"
        else:
            yield f":gray-badge[:material/build: {as_text(names.tool(name))}]"
    for agent_id in agent.delegates:
        yield f":violet-badge[:material/smart_toy: {as_text(names.agent(agent_id))}]"


def _unsent(agent: AgentView, names: Names) -> str | None:
    """Which version of the provider's tools a model takes is known only of those in the catalogue."""
    of_provider = [name for name in agent.tools if name in names.tools and not names.tools[name].can_ask]
    if not of_provider or find_model(agent.model) is not None:
        return None
    tools = ", ".join(as_text(names.tool(name)) for name in of_provider)
    return f"{tools}: not sent, because {as_text(agent.model)} is not in the list of models."


def limits_line(agent: AgentView) -> str:
    """Return the limits as Markdown; empty where it has none of its own."""
    parts = (
        agent.max_iterations and f"{agent.max_iterations} model calls",
        agent.max_cost_nanos and rf"\${short_usd(agent.max_cost_nanos)}",
        agent.max_seconds and f"{agent.max_seconds:,} seconds",
        agent.max_answer_tokens and f"{agent.max_answer_tokens:,} output tokens",
    )
    return " · ".join(part for part in parts if part)
