"""One page with one card on it: a few words and perhaps a form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.responses import HTMLResponse

from core.api.sub_path import here
from core.errors import AppError, TooManyRequests

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    # With no-referrer browsers would not say that a form was sent from here.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Field:
    """``autocomplete`` is what a password manager goes by."""

    name: str
    label: str
    kind: str
    autocomplete: str
    hint: str = ""
    least: int = 0
    readonly: bool = False


PASSWORD = Field("password", "Password", "password", "current-password")
EMAIL = Field("email", "E-mail address", "email", "username")


@dataclass(frozen=True, slots=True)
class Form:
    """``hidden`` are values that go along; they are nobody's to read."""

    action: str
    button: str
    fields: tuple[Field, ...] = ()
    hidden: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Typed:
    """What was filled in, but for passwords, and what is wrong with it by field; of the whole, the name is empty."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def focus(self, form: Form | None) -> str:
        """Return the field to begin with: the first that is wrong, or else empty."""
        names = [each.name for each in form.fields if not each.readonly] if form else []
        empty = (name for name in names if not self.values.get(name))
        return next((name for name in names if name in self.errors), next(empty, ""))


@dataclass(frozen=True, slots=True)
class Card:
    """``link`` is an address of ours and what is written on it."""

    title: str
    lead: str = ""
    form: Form | None = None
    note: str = ""
    link: tuple[str, str] | None = None


def show(card: Card, typed: Typed | None = None, *, status: int = 200) -> HTMLResponse:
    typed = typed or Typed()
    values: dict[str, Any] = {"card": card, "typed": typed, "focus": typed.focus(card.form), "root": here()}
    return HTMLResponse(_TEMPLATES.get_template("card.html").render(values), status, HEADERS)


def show_error(card: Card, error: AppError, typed: Mapping[str, str] | None = None) -> HTMLResponse:
    """Return the card with the error's own words above its form, and its status."""
    response = show(card, Typed(typed or {}, {"": error.for_user}), status=error.status)
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    return response
