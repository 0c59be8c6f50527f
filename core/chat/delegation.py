"""One agent asks another: a run of its own within the same turn, with its own model, limits, steps and cost."""

import asyncio
from dataclasses import replace

import structlog
from anyio import CancelScope

from core.agent.tools.tool import ToolContext
from core.books.spans import NOT_MADE
from core.books.values import ModelCall, Run
from core.chat.agent_run import ENDED_WITH_IT, AgentRun, RunListener
from core.chat.assignment import Assignment, assign
from core.chat.journal import Outcome, RunStart
from core.clock import new_id, now
from core.errors import BudgetSpent, ProviderBroken, StoreError, ToolError
from core.events import Delegated
from core.registry.agents import AgentView

log = structlog.get_logger()

MOST_RUNS = 20
"""How often agents may ask others for one answer, all of them together."""


async def ask_agent(asker: AgentRun, agent: AgentView, task: str, asking: ToolContext) -> str:
    """Return what the agent says in the end. Raises ToolError, whose text is for the model, and StoreError."""
    whole = asker.allowance.whole
    if whole.runs >= MOST_RUNS:
        raise ToolError(f"Other agents were asked {MOST_RUNS} times for this answer. Go on with what you know.")
    if asker.allowance.reached(0) is not None:
        raise ToolError(f"{agent.name} was not asked, because this answer has reached its limit.")
    whole.runs += 1  # before anything is waited for, as several may be asked at once
    path = (*asker.assignment.path, agent.id)
    toolset = await asker.parts.toolbox.equip(
        agent, path, lambda event: asker.reader.tell(Delegated(asking.call_id, agent.name, event))
    )
    theirs = replace(asking, call_id="")
    assignment = assign(agent, toolset, theirs, path=path, key=asker.assignment.request.key, text=task)
    child = _child(asker, agent, assignment, asking.call_id)
    await _open(asker, child, agent)
    asker.children.append(child)
    try:
        outcome = await child.follow()
    except asyncio.CancelledError:
        asker.unbooked.append(child.closed(ENDED_WITH_IT))
        raise
    await _close(asker, child, outcome)
    return _answer(child, agent, outcome)


def _child(asker: AgentRun, agent: AgentView, assignment: Assignment, call_id: str) -> AgentRun:
    at, outer, asked = now(), asker.start.run, assignment.asked
    run = Run(
        id=new_id(),
        trace_id=outer.trace_id,
        trace_started_at=outer.trace_started_at,
        model=agent.model,
        started_at=at,
        session_type=assignment.session_type,
        agent_id=agent.id,
        agent_version=agent.version,
        parent_step_id=asker.journal.span_of(call_id),
        notes=assignment.toolset.warnings,
    )
    bound, estimate = asker.parts.bounds.of(asked, at), asked.prompt.central
    call = ModelCall(new_id(), run.trace_id, run.id, run.model, at, prompt_estimate=estimate, bound=bound)
    reader = RunListener(
        lambda event: asker.reader.tell(Delegated(call_id, agent.name, event)),
        asker.reader.cost_changed,
    )
    return AgentRun(RunStart(run, call, asked, call_id=call_id), assignment, asker.parts, reader, asker)


async def _open(asker: AgentRun, child: AgentRun, agent: AgentView) -> None:
    """Open its books before the provider is asked; if nobody can say whether they are open, they will be closed."""
    start = child.start
    with CancelScope(shield=True):
        try:
            await child.parts.books.open_run(start.run, start.call, asker.start.run.id)
        except BudgetSpent as error:
            raise ToolError(f"{agent.name} was not asked. {error.for_user}") from None
        except StoreError as error:
            never = ProviderBroken(error.for_user, kind=NOT_MADE)
            asker.unbooked.append(child.closed(Outcome("failed", NOT_MADE, error.for_user, never)))
            raise
        except asyncio.CancelledError:  # it may be written all the same: then it is closed with the turn
            asker.unbooked.append(child.closed(ENDED_WITH_IT))
            raise


async def _close(asker: AgentRun, child: AgentRun, outcome: Outcome) -> None:
    """Close its books; what the database refuses now, or what is cut off here, is written with the turn's end."""
    end, start = child.closed(outcome), child.start
    with CancelScope(shield=True):
        try:
            await child.parts.books.close_run(end, start.run.trace_started_at)
        except asyncio.CancelledError:
            asker.unbooked.append(end)
            raise
        except Exception:  # a run's end must survive whatever the database does
            log.exception("run_end_put_off", task_trace_id=start.run.trace_id)
            asker.unbooked.append(end)


def _answer(child: AgentRun, agent: AgentView, outcome: Outcome) -> str:
    said = child.journal.said_last.strip()
    if outcome.status == "failed":
        raise ToolError(f"{agent.name} could not answer. {outcome.error_text}")
    if child.cut_short is not None:
        said = f"{said}\n\n[{agent.name} was cut short. {child.cut_short.text}]".strip()
    return said or f"{agent.name} ended without saying anything."
