"""What an agent is made of, and what makes a draft of one fit to save."""

import re
import unicodedata
from dataclasses import dataclass, field

from core.clock import now
from core.errors import InputError
from core.money import Nanos, nanos_typed, short_usd, why_no_amount
from core.provider.models import Model, current_models, find_model, retirement_warning
from core.store.text import whole_characters

LONGEST_NAME = 60
LONGEST_DESCRIPTION = 300
LONGEST_SYSTEM_PROMPT = 200_000
MOST_STARTERS = 6
LONGEST_STARTER = 500
MOST_ITERATIONS = 200
LONGEST_SECONDS = 86_400
LARGEST_LIMIT = 10**15
LARGEST_COST = 10**15

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class AgentDraft:
    """``starters`` are prompts that a user may click to begin a conversation, ``tools`` names of what it may use.

    Those of them in ``ask_first`` run only with somebody's consent. ``delegates`` are ids of agents it may ask.
    The limits hold for one answer; None leaves the usual one, of dollars, seconds and tokens none.
    """

    name: str
    description: str
    model: str
    system_prompt: str
    max_output_tokens: int
    thinking: bool
    starters: tuple[str, ...]
    tools: tuple[str, ...] = field(default=(), kw_only=True)
    ask_first: tuple[str, ...] = field(default=(), kw_only=True)
    delegates: tuple[str, ...] = field(default=(), kw_only=True)
    max_iterations: int | None = field(default=None, kw_only=True)
    max_cost_nanos: Nanos | None = field(default=None, kw_only=True)
    max_seconds: int | None = field(default=None, kw_only=True)
    max_answer_tokens: int | None = field(default=None, kw_only=True)


def checked(draft: AgentDraft) -> AgentDraft:
    """Return the draft with trimmed texts and without blank starters.

    Raises InputError that names the field to mend.
    """
    model = _model(draft.model)
    if not 1 <= draft.max_output_tokens <= model.max_output_tokens:
        raise InputError(
            f"Max output tokens is {draft.max_output_tokens:,}. "
            f"{model.label} takes a number from 1 to {model.max_output_tokens:,}."
        )
    return AgentDraft(
        name=_name(draft.name),
        description=_short("The description", _one_line("The description", draft.description), LONGEST_DESCRIPTION),
        model=draft.model,
        system_prompt=_short("The system prompt", draft.system_prompt, LONGEST_SYSTEM_PROMPT),
        max_output_tokens=draft.max_output_tokens,
        thinking=draft.thinking,
        starters=_starters(draft.starters),
        tools=_tools(draft.tools),
        ask_first=tuple(name for name in _tools(draft.ask_first) if name in draft.tools),
        delegates=tuple(dict.fromkeys(draft.delegates)),
        max_iterations=_limit("model calls", draft.max_iterations, MOST_ITERATIONS),
        max_cost_nanos=_cost_limit(draft.max_cost_nanos),
        max_seconds=_limit("seconds", draft.max_seconds, LONGEST_SECONDS),
        max_answer_tokens=_limit("output tokens", draft.max_answer_tokens, LARGEST_LIMIT),
    )


def name_key(name: str) -> str:
    """Equal for names that a reader would take for the same one."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def cost_limit_from(text: str) -> Nanos | None:
    """Read dollars as a person types them, exactly; None for a blank text. Raises InputError."""
    if not text.strip():
        return None
    nanos = nanos_typed(text)
    if nanos is None:
        raise InputError(f"The limit on dollars {why_no_amount(text)} Leave it blank for no limit.")
    return nanos


def _model(model_id: str) -> Model:
    if not model_id:
        raise InputError("No model is chosen. Choose one from the list of models.")
    model, today = find_model(model_id), now().date()
    if model is None:
        raise InputError(f"The model “{model_id}” is not in the catalogue. Choose one from the list of models.")
    if model not in current_models(today):
        raise InputError(retirement_warning(model_id, today) or f"{model.label} no longer answers.")
    return model


def _name(name: str) -> str:
    line = _one_line("The name", name)
    if not line:
        raise InputError("The name is empty. Give the agent a name.")
    return _short("The name", line, LONGEST_NAME)


def _starters(starters: tuple[str, ...]) -> tuple[str, ...]:
    kept = tuple(text for starter in starters if (text := starter.strip()))
    if len(kept) > MOST_STARTERS:
        raise InputError(f"There are {len(kept)} starter prompts; at most {MOST_STARTERS} fit. Remove some.")
    return tuple(_short("A starter prompt", text, LONGEST_STARTER) for text in kept)


def _tools(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names as the provider takes them: each once, of letters, digits, ``_`` and ``-``."""
    for name in names:
        if not _TOOL_NAME.fullmatch(name):
            raise InputError(f"“{name[:80]}” is no name of a tool: use at most 128 letters, digits, _ and -.")
    return tuple(dict.fromkeys(names))


def _limit(of: str, number: int | None, most: int) -> int | None:
    if number is not None and not 1 <= number <= most:
        raise InputError(f"The limit on {of} for one answer is {number:,}. Give a number from 1 to {most:,}, or none.")
    return number


def _cost_limit(nanos: Nanos | None) -> Nanos | None:
    if nanos is not None and not 1 <= nanos <= LARGEST_COST:
        raise InputError(
            f"The limit on dollars for one answer is {short_usd(nanos)}. "
            f"Give an amount above 0 and up to {short_usd(LARGEST_COST)}, or none."
        )
    return nanos


def _one_line(field: str, text: str) -> str:
    return " ".join(whole_characters(text, field).split())


def _short(field: str, text: str, longest: int) -> str:
    if len(text) > longest:
        raise InputError(f"{field} is {len(text):,} characters long; at most {longest:,} fit. Shorten it.")
    return whole_characters(text, field)
