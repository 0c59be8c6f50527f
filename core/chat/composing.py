"""A message that shall be answered, as the values that its turn begins with: nothing is written here."""

from core.books.values import ModelCall, Run, Trace
from core.chat.agent_run import RunServices
from core.chat.assignment import Assignment
from core.chat.message_request import MessageRequest, title_of
from core.chat.new_turn import Head, NewTurn, attached
from core.clock import new_id, now
from core.conversations.history import History


def compose(wanted: MessageRequest, history: History, assignment: Assignment, parts: RunServices) -> NewTurn:
    """Give everything that is about to be written an id and a time."""
    agent, at = assignment.agent, now()
    question = new_id()  # before the answer's, since later ids sort later
    head = Head(
        task_trace_id=new_id(),
        conversation_id=wanted.conversation_id or wanted.draft_id or new_id(),
        message_id=new_id(),
        owner_id=wanted.owner.id,
        agent_id=agent.id,
        at=at,
    )
    run = Run(
        id=new_id(),
        trace_id=head.task_trace_id,
        trace_started_at=at,
        model=agent.model,
        started_at=at,
        session_type=assignment.session_type,
        agent_id=agent.id,
        agent_version=agent.version,
        notes=assignment.toolset.warnings,
    )
    bound, estimate = parts.bounds.of(assignment.asked, at), assignment.prompt_estimate.central
    return NewTurn(
        head=head,
        trace=_trace(head, wanted, history, assignment, parts.books.instance_id),
        run=run,
        call=ModelCall(new_id(), run.trace_id, run.id, agent.model, at, prompt_estimate=estimate, bound=bound),
        user_message_id=question,
        title=title_of(wanted),
        text=wanted.text,
        replaces=wanted.replaces,
        last_message_id=history.last_message_id,
        kept=history.kept,
        files=wanted.files,
        earlier=wanted.earlier,
    )


def _trace(head: Head, wanted: MessageRequest, history: History, assignment: Assignment, instance_id: str) -> Trace:
    """A message without words is told by the names of its files."""
    key, names = assignment.request.key, [each["name"] for each in attached(history.kept, wanted.files)]
    return Trace(
        id=head.task_trace_id,
        started_at=head.at,
        source=wanted.source,
        model=assignment.agent.model,
        instruction=wanted.text if wanted.text.strip() else ", ".join(names),
        owner_id=head.owner_id,
        agent_id=head.agent_id,
        conversation_id=head.conversation_id,
        instance_id=instance_id,
        provenance="simulated" if key is None else "real",
        key_source="" if key is None else key.source,
        key_label=None if key is None else key.label,
    )
