"""Sending a message: check it, open the books, start the turn."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import sleep

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.access.roles import Person, may_use_agent
from core.agent.context import HistoryMessage
from core.agent.tools.tool import ToolContext
from core.budgets.holding import refuse_full
from core.chat.admission import KEPT, Once, free_key, keep_key, read_key, refuse_beyond, refuse_too_much
from core.chat.agent_run import RunServices
from core.chat.assignment import assign
from core.chat.composing import compose
from core.chat.engine import Engine
from core.chat.message_request import MessageRequest, checked, digest_of
from core.chat.new_turn import Earlier, HistoryMoved, NewTurn, open_conversation
from core.chat.provider_keys import ProviderKeys
from core.chat.quota import Quotas
from core.chat.turn import Turn
from core.clock import now
from core.conversations.attachment_limits import check_kinds, check_request
from core.conversations.attachments import (
    Attachment,
    check_files,
    claim_files,
    expand,
    expanded,
    read_files,
    references,
)
from core.conversations.history import History, read_history
from core.errors import TRY_AGAIN, AgentInactive, ConversationBusy, InputError, KeyReused, NotFound
from core.files.recognition import Claimed
from core.provider.blocks import Block
from core.provider.request import CallKey
from core.registry.agents import Agents, AgentView
from core.store.database import Store

_TRIES = 5
_PAUSE_SECONDS = 0.05
_SHOWN_CHARACTERS = 80


class _AlreadySent(Exception):
    """With the same key: ``args[0]`` is the id of the turn it began."""


class Turns:
    """The way in: every page and every program starts its turns here."""

    def __init__(
        self, store: Store, agents: Agents, engine: Engine, parts: RunServices, keys: ProviderKeys, quotas: Quotas
    ) -> None:
        """Tools take the zone of the quotas for the asking person's."""
        self._store, self._agents, self._engine, self._parts, self._quotas = store, agents, engine, parts, quotas
        self._keys = keys

    def send(
        self,
        *,
        owner: Person,
        agent_id: str,
        text: str,
        conversation_id: str | None = None,
        replaces: str | None = None,
        draft_id: str | None = None,
        source: str = "chat",
        attachments: Sequence[Attachment] = (),
    ) -> Turn:
        """Start the answer and return it; the same message sent again while it runs returns the running turn.

        With files the text may be empty. A message that replaces another one keeps that one's files.

        ``draft_id`` is the id a new conversation shall have, so that a first message sent twice starts only one.

        Raises InputError, FileRefused, AgentInactive, NoProviderKey, ContextTooLong, ConversationBusy, NotFound,
        BudgetSpent, TooManyRequests, StoreError, SetupError, ShuttingDown: in each case the provider was not called.
        """
        wanted = MessageRequest(owner, agent_id, checked(text), conversation_id, replaces, draft_id, source)
        claimed = claim_files(attachments)
        if claimed:
            self._refuse_early(wanted, claimed)
            wanted = replace(wanted, files=check_files(claimed, owner.id))
        return self._send(wanted)

    def _refuse_early(self, wanted: MessageRequest, claimed: Sequence[Claimed]) -> None:
        """Refuse what would be refused in the end, before any file is opened."""
        agent, at = self._agent(wanted), now()
        check_kinds([each.name for each in claimed if each.kind == "image"], agent.model, "images")
        check_kinds([each.name for each in claimed if each.kind == "pdf"], agent.model, "PDF documents")
        simulated = self._keys.answering(wanted.owner) == "simulated"
        with self._store.read() as connection:
            refuse_beyond(connection, wanted.owner.id, self._quotas.at(at), at, more=1)
            refuse_full(connection, wanted.owner.id, agent.id, at, simulated=simulated)

    def post(
        self,
        *,
        owner: Person,
        agent_id: str,
        text: str,
        conversation_id: str | None = None,
        earlier: Sequence[Earlier] = (),
        key: str | None = None,
        kept: timedelta = KEPT,
    ) -> str:
        """Start the answer to a program's message and return the turn's id.

        The same message sent again with the same ``key`` gets the same turn while the key is ``kept``, unless that turn
        ended in a way that a later try may mend. ``earlier`` is what was said before a new conversation.

        Raises KeyReused if the key came with another message, and what ``send`` raises.
        """
        for each in earlier:
            checked(each.text)
        said = tuple(earlier)
        once = None if key is None else Once(key, digest_of(agent_id, conversation_id, text, said), kept)
        wanted = MessageRequest(owner, agent_id, checked(text), conversation_id, source="api", once=once, earlier=said)
        try:
            return self._send(wanted).id
        except _AlreadySent as sent:
            return str(sent.args[0])

    def free(self, by: Person, key: str, task_trace_id: str) -> None:
        """Let the next message with this key begin a turn of its own."""
        self._store.write(lambda connection: free_key(connection, by.id, key, task_trace_id)).result()

    def _send(self, wanted: MessageRequest) -> Turn:
        agent = self._agent(wanted)
        for _ in range(_TRIES):
            wanted = self._with_key(wanted)
            running = self._running(wanted)
            if running is not None:
                return running
            try:
                return self._start(wanted, agent)
            except HistoryMoved:
                continue
            except IntegrityError:  # someone else's turn was first: it shows up among the running ones in a moment
                sleep(_PAUSE_SECONDS)
        raise _busy()

    def live(self, by: Person, conversation_id: str) -> Turn | None:
        """Return the person's conversation's turn if it runs in this process or ended here some seconds ago."""
        turn = self._engine.find(conversation_id)
        return turn if turn is not None and turn.head.is_for(by) else None

    def _agent(self, wanted: MessageRequest) -> AgentView:
        unknown = NotFound(f"Agent with ID {wanted.agent_id[:_SHOWN_CHARACTERS]} not found. Choose another one.")
        if not may_use_agent(wanted.owner, wanted.agent_id):
            raise unknown
        try:
            agent = self._agents.known(wanted.agent_id)
        except NotFound:
            raise unknown from None
        self._with_key(wanted)
        if agent.demo:
            raise AgentInactive(f"{agent.name} belongs to the demo month and cannot be asked. Choose another agent.")
        if not agent.active:
            raise AgentInactive(f"Agent {agent.name} is not active. Choose another one, or activate it on Agents.")
        return agent

    def _with_key(self, wanted: MessageRequest) -> MessageRequest:
        """Return the message with what its key may be taken from. Raises _AlreadySent, KeyReused."""
        if wanted.once is None:
            return wanted
        with self._store.read() as connection:
            found = read_key(connection, wanted.owner.id, wanted.once, now())
        if found is None:
            return wanted
        if found.error_type in TRY_AGAIN:
            return replace(wanted, once=replace(wanted.once, instead_of=found.task_trace_id))
        if found.digest != wanted.once.digest:
            raise KeyReused("This Idempotency-Key came with another message before. Use a new key for each message.")
        raise _AlreadySent(found.task_trace_id)

    def _running(self, wanted: MessageRequest) -> Turn | None:
        turn = self._engine.find(wanted.conversation_id or wanted.draft_id or "")
        if turn is None or turn.head.owner_id != wanted.owner.id or (turn.ended and wanted.conversation_id):
            return None
        self._with_key(wanted)  # the turn may be the very one that was just begun with it
        if wanted.once or turn.text != wanted.text or turn.files != [file.sha256 for file in wanted.files]:
            raise _busy()
        return turn

    def prepare(self, agent: AgentView) -> None:
        """Begin to connect to the servers of its tools, so that its first answer need not wait for them."""
        if agent.tools or agent.delegates:
            self._engine.begin("connect", partial(self._parts.toolbox.connect, agent))

    def _start(self, wanted: MessageRequest, agent: AgentView) -> Turn:
        key = self._keys.key_for(wanted.owner)
        self._parts.bounds.refresh()
        history = self._history(wanted, key)
        said, latest = self._with_files(wanted, agent, history)
        with self._engine.admission():
            path, asking = (agent.id,), ToolContext(wanted.owner, self._quotas.zone)
            toolbox = self._parts.toolbox
            toolset = toolbox.offhand(agent) or self._engine.call(partial(toolbox.at_once, agent, path))
            assignment = assign(
                agent, toolset, asking, path=path, key=key, text=wanted.text, said=said, attached=latest
            )
            new = compose(wanted, history, assignment, self._parts)
            turn = Turn(new, assignment, agent.name, self._parts)
            self._open(new, wanted.once)
            self._engine.start(turn)
        return turn

    def _history(self, wanted: MessageRequest, key: CallKey | None) -> History:
        if wanted.conversation_id is None:
            return History([HistoryMessage(each.role, each.blocks) for each in wanted.earlier], None)
        with self._store.read() as connection:
            return read_history(
                connection, wanted.owner, wanted.conversation_id, before=wanted.replaces, simulated=key is None
            )

    def _with_files(
        self, wanted: MessageRequest, agent: AgentView, history: History
    ) -> tuple[list[HistoryMessage], list[Block]]:
        """Return what was said, and what comes with the new message, with the attached files themselves in it."""
        attached = [*history.kept, *(file.reference for file in wanted.files)]
        if not wanted.text.strip() and not attached:
            raise InputError("The message is empty. Write something and send it again.")
        earlier = [each for message in history.said for each in references(message.blocks)]
        check_request([*earlier, *attached], agent.model)
        data = {file.reference["id"]: file.data for file in wanted.files}
        kept = [*earlier, *history.kept]
        if kept and wanted.conversation_id is not None:
            with self._store.read() as connection:
                data |= read_files(connection, wanted.conversation_id, kept)
        return [expanded(message, data) for message in history.said], expand(attached, data)

    def _open(self, new: NewTurn, once: Once | None) -> None:
        """Open it in one transaction. Raises IntegrityError, HistoryMoved and what the books raise."""
        quota = self._quotas.at(new.head.at)

        def before(connection: Connection) -> None:
            open_conversation(connection, new)

        def after(connection: Connection) -> None:
            if once is not None:
                keep_key(connection, new.head, once)
            refuse_too_much(connection, new.head, quota)

        self._parts.books.open(new.trace, new.run, new.call, before, after)


def _busy() -> ConversationBusy:
    return ConversationBusy(
        "This conversation is still being answered, so your message was not sent. Wait for the end, or stop it first."
    )
