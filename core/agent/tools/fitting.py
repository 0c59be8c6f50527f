"""Whether a tool's input fits its JSON Schema, and in words what does not."""

from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import validator_for
from referencing import Registry

_MOST, _LONGEST = 8, 300
# Given in place of the default, which would fetch a schema that another one points to from anywhere.
_NOTHING_ELSE: Registry[Any] = Registry()


def misfits(schema: dict[str, Any], given: Any) -> list[str]:
    """A sentence for each misfit, the first few. Raises what jsonschema raises for a schema that is none."""
    if not isinstance(given, dict):
        return ["The input must be a JSON object."]
    kind = validator_for(schema, default=Draft202012Validator)
    errors = list(islice(kind(schema, registry=_NOTHING_ELSE).iter_errors(given), _MOST + 1))
    told = [_told(error) for error in errors[:_MOST]]
    return [*told, "There are more."] if len(errors) > _MOST else told


def _told(error: ValidationError) -> str:
    message = error.message
    if len(message) > _LONGEST:  # most begin with the value and end with what is wrong
        message = f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 :]}"
    return f"{error.json_path}: {message}" if error.absolute_path else message
