"""The catalogue of Anthropic's models: what each can take and how it is asked to think.

Read on 2026-11-21 from platform.claude.com/docs: ``models/*/overview`` (context window, largest answer),
``about-claude/models/overview`` and ``about-claude/model-deprecations`` (retirement),
``build-with-claude/prompt-caching`` (shortest cacheable prompt), ``build-with-claude/thinking`` and the
migration guides of the 5.5 models (thinking). For the 5.1 and 5.2 models no page states the shortest cacheable
prompt; they are entered with the 512 tokens of all other models from Opus 5 on. Every one takes images and PDF
(``build-with-claude/vision`` and ``pdf-support``); those from Opus 4.7 on see images in high resolution.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

Thinking: TypeAlias = Literal["budget", "optional", "default", "between_tools", "always"]
"""How a model thinks: with a budget of tokens when asked; adaptively when asked; adaptively unless disabled;
adaptively unless reduced to notes between tool calls; adaptively and always."""

_WARN_AHEAD = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Model:
    """Sizes are in tokens. ``snapshot`` is the dated id the API answers with where it differs from ``id``."""

    id: str
    label: str
    context_window: int = 1_000_000
    max_output_tokens: int = 128_000
    cache_minimum_tokens: int = 512
    thinking: Thinking = "always"
    images: bool = True
    sharp_images: bool = True
    pdf: bool = True
    legacy: bool = False
    by_invitation: bool = False
    retires: date | None = None
    replacement: str | None = None
    snapshot: str | None = None

    @property
    def wire_id(self) -> str:
        return self.snapshot or self.id


MODELS: tuple[Model, ...] = (
    Model("claude-sonnet-5-5", "Claude Sonnet 5.5", thinking="between_tools"),
    Model("claude-opus-5-5", "Claude Opus 5.5"),
    Model("claude-haiku-5-5", "Claude Haiku 5.5", thinking="default"),
    Model("claude-fable-5-2", "Claude Fable 5.2"),
    Model("claude-mythos-5-2", "Claude Mythos 5.2", by_invitation=True),
    Model("claude-fable-5-1", "Claude Fable 5.1", legacy=True),
    Model("claude-mythos-5-1", "Claude Mythos 5.1", legacy=True, by_invitation=True),
    Model("claude-fable-5", "Claude Fable 5", legacy=True),
    Model("claude-mythos-5", "Claude Mythos 5", legacy=True, by_invitation=True),
    Model("claude-opus-5", "Claude Opus 5", thinking="default", legacy=True),
    Model("claude-sonnet-5", "Claude Sonnet 5", cache_minimum_tokens=1_024, thinking="default", legacy=True),
    Model("claude-opus-4-8", "Claude Opus 4.8", cache_minimum_tokens=1_024, thinking="optional", legacy=True),
    Model("claude-opus-4-7", "Claude Opus 4.7", cache_minimum_tokens=2_048, thinking="optional", legacy=True),
    Model(
        "claude-opus-4-6",
        "Claude Opus 4.6",
        cache_minimum_tokens=4_096,
        thinking="optional",
        sharp_images=False,
        legacy=True,
    ),
    Model(
        "claude-sonnet-4-6",
        "Claude Sonnet 4.6",
        cache_minimum_tokens=1_024,
        thinking="optional",
        sharp_images=False,
        legacy=True,
    ),
    Model(
        "claude-opus-4-5",
        "Claude Opus 4.5",
        context_window=200_000,
        max_output_tokens=64_000,
        cache_minimum_tokens=4_096,
        thinking="budget",
        sharp_images=False,
        legacy=True,
        snapshot="claude-opus-4-5-20251101",
    ),
    Model(
        "claude-sonnet-4-5",
        "Claude Sonnet 4.5",
        context_window=200_000,
        max_output_tokens=64_000,
        cache_minimum_tokens=1_024,
        thinking="budget",
        sharp_images=False,
        legacy=True,
        retires=date(2026, 11, 30),
        replacement="claude-sonnet-5-5",
        snapshot="claude-sonnet-4-5-20250929",
    ),
    Model(
        "claude-haiku-4-5",
        "Claude Haiku 4.5",
        context_window=200_000,
        max_output_tokens=64_000,
        cache_minimum_tokens=4_096,
        thinking="budget",
        sharp_images=False,
        legacy=True,
        snapshot="claude-haiku-4-5-20251001",
    ),
)

_BY_ID = {name: model for model in MODELS for name in (model.id, model.wire_id)}


def find_model(model_id: str) -> Model | None:
    """The model of this id or dated id."""
    return _BY_ID.get(model_id)


def current_models(today: date) -> list[Model]:
    """Every model that still answers on this day, the recommended ones first."""
    return [model for model in MODELS if model.retires is None or today < model.retires]


def retirement_warning(model_id: str, today: date) -> str | None:
    """A sentence for people who use a model that is retired or soon will be."""
    model = find_model(model_id)
    if model is None or model.retires is None or today < model.retires - _WARN_AHEAD:
        return None
    successor = find_model(model.replacement or "")
    advice = f" Choose {successor.label} instead." if successor else " Choose another model."
    if today >= model.retires:
        return f"{model.label} was retired on {model.retires} and no longer answers.{advice}"
    return f"{model.label} retires on {model.retires}; after that day it no longer answers.{advice}"
