"""The form of an agent: what it is, what it may use, and how much one answer of it may take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import streamlit as st

from core.agent.limits import MOST_ITERATIONS as USUAL_ITERATIONS
from core.chat.tool_choices import ToolChoice, tool_choices
from core.clock import now
from core.money import short_usd
from core.provider.models import Model, current_models, find_model
from core.registry.agent_draft import MOST_ITERATIONS, AgentDraft, cost_limit_from
from core.registry.agents import AgentView
from core.wiring import Services
from pages.parts.markdown import as_text

_LONGEST_NOTE = 200
_MANY, _TALLEST = 20, 400

Typed: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is to choose from, as it was when the form was opened: what is chosen must stay on offer."""

    tools: tuple[ToolChoice, ...]
    agents: tuple[AgentView, ...]


def read_offer(services: Services, agent: AgentView | None) -> Offer:
    """Waits for servers of tools that nobody has asked yet, but not long."""
    tools, delegates = (agent.tools, agent.delegates) if agent else ((), ())
    others = (
        other
        for other in services.agents.list(services.me, include_inactive=True)
        if agent is None or other.id != agent.id
    )
    agents = tuple(other for other in others if other.active or other.id in delegates)
    return Offer(tuple(tool_choices(services.mcp_status.settled(services.me), tools)), agents)


def draw_form(agent: AgentView | None, offer: Offer) -> Callable[[], AgentDraft] | None:
    """Return, when it is submitted, a function that makes the draft or raises InputError."""
    key = f"agent-{agent.id if agent else 'new'}"
    about, uses, limits = st.tabs(["What it is", "What it may use", "Limits"])
    with about:
        typed = _about(agent, key)
    with uses:
        typed |= _uses(agent, offer, key)
    with limits:
        typed |= _limits(agent, key)
    if not st.button("Save as a new version" if agent else "Create agent", key=f"{key}-save", type="primary"):
        return None
    return partial(_draft, typed)


def _draft(typed: Typed) -> AgentDraft:
    return AgentDraft(**{**typed, "max_cost_nanos": cost_limit_from(typed["max_cost_nanos"])})


def _about(agent: AgentView | None, key: str) -> Typed:
    name = st.text_input("Name", agent.name if agent else "", max_chars=60, key=f"{key}-name")
    about = st.text_input("What it is for", agent.description if agent else "", max_chars=300, key=f"{key}-about")
    model = _model(agent, key)
    prompt = st.text_area("System prompt", agent.system_prompt if agent else "", height=200, key=f"{key}-prompt")
    most = st.number_input(
        "Longest answer, in tokens",
        min_value=1,
        max_value=128_000,
        value=agent.max_output_tokens if agent else 8_000,
        key=f"{key}-most",
    )
    thinking = st.toggle("Think before answering", agent.thinking if agent else False, key=f"{key}-think")
    lines = "\n".join(agent.starters) if agent else ""
    starters = st.text_area("Prompts to begin with, one a line", lines, height=110, key=f"{key}-starters")
    return {
        "name": name,
        "description": about,
        "model": model.id if model else "",
        "system_prompt": prompt,
        "max_output_tokens": int(most),
        "thinking": thinking,
        "starters": tuple(line for line in starters.splitlines() if line.strip()),
    }


def _model(agent: AgentView | None, key: str) -> Model | None:
    """Ask for the model; None until one is chosen in place of an unknown one. A new agent begins with the first."""
    models = list(current_models(now().date()))
    known = find_model(agent.model) if agent else None
    if known is not None and known not in models:
        models.append(known)
    chosen = st.selectbox(
        "Model",
        models,
        index=0 if agent is None else models.index(known) if known else None,
        format_func=_model_label,
        key=f"{key}-model",
        placeholder="Choose a model",
    )
    if agent is not None and known is None:
        st.warning(f"{as_text(agent.model)} is not in the list of models. Choose one to save this agent.")
    return chosen


def _model_label(model: Model) -> str:
    warning = f" (retires {model.retires:%Y-%m-%d})" if model.retires else ""
    return f"{model.label}{warning}"


def _uses(agent: AgentView | None, offer: Offer, key: str) -> Typed:
    choices = {choice.name: choice for choice in offer.tools}
    tools_key, ask_key = f"{key}-tools", f"{key}-ask"
    st.session_state.setdefault(tools_key, list(agent.tools) if agent else [])
    st.session_state.setdefault(ask_key, list(agent.ask_first) if agent else [])
    before = tuple(st.session_state[tools_key])
    tools: list[str] = st.multiselect(
        "Tools",
        list(choices),
        format_func=lambda name: tool_label(choices[name]),
        key=tools_key,
        placeholder="None",
        select_all=False,
        on_change=lambda: _propose_asking(tools_key, ask_key, choices, before),
    )
    can_ask = [name for name in tools if choices[name].can_ask]
    ask: list[str] = st.multiselect(
        "Ask a person before running",
        can_ask,
        format_func=lambda name: tool_label(choices[name]),
        key=ask_key,
        placeholder="None of them" if can_ask else "None of its tools can ask",
        disabled=not can_ask,
    )
    _draw_notes([choices[name] for name in tools], offer.tools)
    return {"tools": tuple(tools), "ask_first": tuple(ask), "delegates": _delegates(agent, offer, key)}


def _propose_asking(tools_key: str, ask_key: str, choices: dict[str, ToolChoice], before: Sequence[str]) -> None:
    """Tick asking for a newly chosen tool that ought to ask: who does not want it must decide against it."""
    new = [name for name in st.session_state[tools_key] if name not in before and choices[name].asks_first]
    st.session_state[ask_key] = list(dict.fromkeys([*st.session_state[ask_key], *new]))


def tool_label(choice: ToolChoice) -> str:
    return f"{choice.label} ({choice.missing})" if choice.missing else choice.label


def _draw_notes(chosen: Sequence[ToolChoice], every: Sequence[ToolChoice]) -> None:
    if at_provider := [as_text(choice.label) for choice in chosen if not choice.can_ask]:
        st.caption(f"Run by the provider within its answer, so nobody can be asked first: {', '.join(at_provider)}.")
    if missing := [as_text(choice.label) for choice in chosen if choice.missing]:
        st.caption(f":material/link_off: Not there now, so the agent does without: {', '.join(missing)}.")
    with st.expander("What the tools do"), st.container(height=_TALLEST if len(every) > _MANY else "content"):
        st.markdown("\n".join(_note(choice) for choice in every if not choice.missing))


def _note(choice: ToolChoice) -> str:
    text = " ".join(choice.note.split())
    short = text if len(text) <= _LONGEST_NOTE else f"{text[:_LONGEST_NOTE]}…"
    return f"- **{as_text(choice.label)}**" + (f" – {as_text(short)}" if short else "")


def _delegates(agent: AgentView | None, offer: Offer, key: str) -> tuple[str, ...]:
    labels = {other.id: other.name if other.active else f"{other.name} (inactive)" for other in offer.agents}
    chosen: list[str] = st.multiselect(
        "Agents it may ask",
        list(labels),
        default=[each for each in agent.delegates if each in labels] if agent else [],
        format_func=labels.__getitem__,
        key=f"{key}-delegates",
        placeholder="None",
        help="It gives them a task in words and gets their answer; they see nothing of the conversation.",
    )
    return tuple(chosen)


def _limits(agent: AgentView | None, key: str) -> Typed:
    st.caption("For one answer. Dollars, seconds and tokens include what the agents it asks take. Blank sets no limit.")
    calls = st.number_input(
        "Model calls",
        min_value=1,
        max_value=MOST_ITERATIONS,
        value=agent.max_iterations if agent else None,
        placeholder=f"{USUAL_ITERATIONS}, if left blank",
        key=f"{key}-calls",
    )
    nanos = agent.max_cost_nanos if agent else None
    dollars = st.text_input(
        "Dollars", short_usd(nanos) if nanos else "", placeholder="None; for example 0.25", key=f"{key}-dollars"
    )
    of_time = agent.max_seconds if agent else None
    seconds = st.number_input("Seconds", min_value=1, value=of_time, placeholder="None", key=f"{key}-seconds")
    of_tokens = agent.max_answer_tokens if agent else None
    tokens = st.number_input("Output tokens", min_value=1, value=of_tokens, placeholder="None", key=f"{key}-tokens")
    return {
        "max_iterations": calls,
        "max_cost_nanos": dollars,
        "max_seconds": seconds,
        "max_answer_tokens": tokens,
    }
