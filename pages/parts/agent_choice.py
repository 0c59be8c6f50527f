"""Who answers: chosen by a person, and by nobody else when the one who was chosen is gone."""

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from core.access.roles import Permission, may
from core.conversations.conversations import ConversationView
from core.conversations.transcript import MessageView, TurnFigures
from core.registry.agents import AgentView
from core.wiring import Services
from pages.parts.markdown import as_text

_CHOSEN = "chosen-agents"


def pick_agent(
    services: Services, agents: Sequence[AgentView], conversation: ConversationView | None
) -> AgentView | None:
    """Return who answers next; None until somebody is chosen in place of an agent that is gone."""
    if not agents:
        _draw_no_agent(services)
        return None
    known = {agent.id: agent for agent in agents}
    place = conversation.id if conversation else None
    wanted = _chosen().get(place) or (conversation.agent_id if conversation else agents[0].id)
    labels = _labels(agents)
    key = f"agent-{place}-{wanted if wanted in known else 'gone'}"
    picked = st.selectbox(
        "Agent",
        list(known),
        index=list(known).index(wanted) if wanted in known else None,
        key=key,
        format_func=lambda id_: labels.get(id_, id_),
        label_visibility="collapsed",
        placeholder="Choose who answers",
        on_change=lambda: _choose(place, st.session_state[key]),
    )
    if picked is None:
        return None
    if place is None:
        _chosen().setdefault(None, picked)
    return known.get(picked)


def _choose(place: str | None, agent_id: str | None) -> None:
    if agent_id is not None:
        _chosen()[place] = agent_id


def _chosen() -> dict[str | None, str]:
    """Return what was chosen by conversation, None being the one that is not begun yet."""
    chosen: dict[str | None, str] = st.session_state.setdefault(_CHOSEN, {})
    return chosen


def keep_choice(conversation_id: str, agent_id: str) -> None:
    """Keep the choice: a new conversation is with the agent that was asked first."""
    _chosen()[conversation_id] = agent_id


def _labels(agents: Sequence[AgentView]) -> dict[str, str]:
    """Return all different, as Streamlit knows what is picked by its label."""
    labels = {agent.id: f"{agent.name} · {agent.model}" for agent in agents}
    often = Counter(labels.values())
    return {id_: label if often[label] == 1 else f"{label} ({id_[-6:]})" for id_, label in labels.items()}


def draw_gone(services: Services, conversation: ConversationView | None, agents: Sequence[AgentView]) -> None:
    """Say whose place has to be filled, if nobody is chosen though there are agents."""
    wanted = _chosen().get(conversation.id if conversation else None) or (conversation.agent_id if conversation else "")
    if not agents or not wanted:
        return
    name = services.agents.known(wanted).name
    what = "What was said is sent as new then, without the cache, and costs more" if conversation else "Prices differ"
    st.warning(
        f"**{as_text(name)}** cannot be asked any more. Choose above who answers from here. {what}.",
        icon=":material/person_off:",
    )


def _draw_no_agent(services: Services) -> None:
    if not may(services.me, Permission.AGENTS):
        st.warning("No agent is active. Ask an admin for one.", icon=":material/smart_toy:")
        return
    st.warning("No agent is active. Activate or create one on the Agents page.", icon=":material/smart_toy:")
    st.page_link("pages/agents.py", label="Open Agents", icon=":material/smart_toy:")


def draw_change(before: MessageView | None, message: MessageView) -> None:
    """Mark where another agent goes on, or another version of the same, with what it does to the price."""
    if before is None or before.turn is None or message.turn is None:
        return
    old, new = before.turn, message.turn
    if old.agent_id != new.agent_id:
        st.caption(f":material/swap_horiz: From here on {_whose(message)} answers, not {_whose(before)}. {_price(new)}")
    elif old.agent_version != new.agent_version:
        st.caption(
            f":material/swap_horiz: From here on version {new.agent_version} of **{as_text(new.agent_name)}** answers. "
            f"{_price(new)}"
        )


def _price(turn: TurnFigures) -> str:
    """Say what it costs; who was asked a moment ago may have it in the cache still."""
    read, prompt = turn.usage.cache_read, turn.usage.prompt
    if read:
        return f"Of the {prompt:,} tokens that were sent to it, {read:,} were in the cache."
    return "What was said before is sent to it as new, without the cache, so that this prompt costs more."


def _whose(message: MessageView) -> str:
    turn = message.turn
    return "" if turn is None else f"**{as_text(turn.agent_name)}** ({as_text(turn.model)})"


def draw_coming_change(messages: Sequence[MessageView], agent: AgentView) -> None:
    """Say beside the field what the next message will cost more, where it goes to another agent."""
    last = next((each.turn for each in reversed(messages) if each.role == "assistant" and each.turn), None)
    if last is None or last.agent_id in ("", agent.id):
        return
    said, whose = last.usage.prompt + last.usage.output, as_text(last.agent_name)
    st.caption(
        f":material/swap_horiz: The next message goes to **{as_text(agent.name)}**, not to **{whose}**: "
        f"what was said, about {said:,} tokens, is sent as new, unless it has it in the cache still."
    )
