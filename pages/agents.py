"""Agents: who can be asked, on which model, at which price; every edit is a new version."""

from collections.abc import Callable
from datetime import date

import streamlit as st

from core.chat.agents import AgentDraft, AgentView
from core.clock import now
from core.errors import AppError
from core.provider.models import Model, current_models, find_model, retirement_warning
from core.wiring import Services
from pages.parts.frame import page
from pages.parts.markdown import as_text
from pages.parts.problems import attempt, show_problem


def price_line(services: Services, model: str) -> str:
    """The list price of today, as Markdown."""
    card = services.book.rate_card(model, now())
    if card is None:
        return "No price is known for this model: its costs will show as unknown."
    price = card.usd_per_million
    cached = rf" · cache read \${price['cache_read']}" if "cache_read" in price else ""
    return rf"Per million tokens: input \${price['input']}{cached} · output \${price['output']}"


def draw_agent(services: Services, agent: AgentView) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(as_text(agent.name), anchor=False, width="stretch")
            if not agent.active:
                st.badge("Inactive", color="gray")
            st.badge(f"Version {agent.version}", color="blue")
        st.markdown(as_text(agent.description))
        model = find_model(agent.model)
        st.caption(f"{model.label if model else as_text(agent.model)} · {price_line(services, agent.model)}")
        warning = retirement_warning(agent.model, today())
        if warning:
            st.warning(as_text(warning), icon=":material/event_busy:")
        with st.container(horizontal=True):
            if st.button("Edit", key=f"edit-{agent.id}", icon=":material/edit:"):
                edit(services, agent)
            st.button(
                "Deactivate" if agent.active else "Activate",
                key=f"active-{agent.id}",
                icon=":material/pause:" if agent.active else ":material/play_arrow:",
                on_click=lambda: attempt(lambda: services.agents.set_active(agent.id, active=not agent.active)),
            )
            with st.popover("Versions", icon=":material/history:"):
                draw_versions(services, agent)


def draw_versions(services: Services, agent: AgentView) -> None:
    for version in services.agents.versions(agent.id):
        edited = f"{version.edited_at:%Y-%m-%d %H:%M} UTC by {as_text(version.edited_by)}"
        st.markdown(f"**Version {version.version}** · {as_text(version.model)} · {edited}")
        with st.expander("System prompt"):
            st.code(version.system_prompt or "(none)", language=None, wrap_lines=True)


def today() -> date:
    return now().date()


def draw_form(agent: AgentView | None) -> AgentDraft | None:
    """The form of a draft; returns it when it is submitted."""
    models = list(current_models(today()))
    known = find_model(agent.model) if agent else None
    if known is not None and known not in models:
        models.append(known)
    with st.form(f"agent-{agent.id if agent else None}", border=False):
        name = st.text_input("Name", agent.name if agent else "", max_chars=60)
        description = st.text_input("What it is for", agent.description if agent else "", max_chars=300)
        model = st.selectbox("Model", models, index=models.index(known) if known else 0, format_func=model_label)
        prompt = st.text_area("System prompt", agent.system_prompt if agent else "", height=200)
        most = st.number_input(
            "Longest answer, in tokens",
            min_value=1,
            max_value=128_000,
            value=agent.max_output_tokens if agent else 8_000,
        )
        thinking = st.toggle("Think before answering", agent.thinking if agent else False)
        starters = st.text_area(
            "Prompts to begin with, one a line", "\n".join(agent.starters) if agent else "", height=110
        )
        if not st.form_submit_button("Save as a new version" if agent else "Create agent", type="primary"):
            return None
    lines = tuple(line for line in starters.splitlines() if line.strip())
    return AgentDraft(name, description, model.id, prompt, int(most), thinking, lines)


def model_label(model: Model) -> str:
    warning = f" (retires {model.retires:%Y-%m-%d})" if model.retires else ""
    return f"{model.label}{warning}"


def save(draft: AgentDraft | None, write: Callable[[AgentDraft], object]) -> None:
    """Write a submitted draft; what is wrong with it is said in the dialog, and nothing typed is lost."""
    if draft is None:
        return
    try:
        write(draft)
    except AppError as error:
        show_problem(error)
    else:
        st.rerun()


@st.dialog("Edit agent", width="large")
def edit(services: Services, agent: AgentView) -> None:
    st.caption("Earlier versions stay as they are; traces name the version they ran on.")
    save(draw_form(agent), lambda draft: services.agents.edit(agent.id, draft, services.me.id))


@st.dialog("New agent", width="large")
def create(services: Services) -> None:
    save(draw_form(None), lambda draft: services.agents.create(draft, services.me.id))


def main() -> None:
    with page("Agents", "Who can be asked, on which model and at which price. Each edit is a new version.") as services:
        agents = services.agents.list(include_inactive=True)
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("New agent", icon=":material/add:", type="primary"):
                create(services)
        for agent in agents:
            draw_agent(services, agent)


main()
