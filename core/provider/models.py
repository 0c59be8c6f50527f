"""The catalogue of models, data/models.toml: what each can take and how it is asked to think."""

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, TypeAlias

from pydantic import TypeAdapter

from core.place import PROJECT

Thinking: TypeAlias = Literal["budget", "optional", "default", "between_tools", "always"]
"""How a model thinks; the file says what each word means."""

_WARN_AHEAD = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Model:
    """Sizes are in tokens. ``snapshot`` is the dated id the API answers with where it differs from ``id``."""

    id: str
    label: str
    context_window: int
    max_output_tokens: int
    cache_minimum_tokens: int
    thinking: Thinking
    images: bool
    sharp_images: bool
    pdf: bool
    legacy: bool
    by_invitation: bool
    retires: date | None = None
    replacement: str | None = None
    snapshot: str | None = None

    @property
    def wire_id(self) -> str:
        return self.snapshot or self.id


def read_models(text: str) -> tuple[Model, ...]:
    """The models of a catalogue, in its order. Raises ValueError where it is wrong."""
    table: dict[str, Any] = tomllib.loads(text)
    rows = [{**table["usual"], "id": id_, **row} for id_, row in table["models"].items()]
    return TypeAdapter(tuple[Model, ...], config={"extra": "forbid"}).validate_python(rows, strict=False)


MODELS = read_models((PROJECT / "data" / "models.toml").read_text("utf-8"))

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
