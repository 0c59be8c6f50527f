"""What a schema of the document is made of, as rows of a table and as an example."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.api.docs.document import Json

_DEEPEST = 4
_SHOWN: dict[str, Any] = {"string": "…", "integer": 0, "number": 0, "boolean": True, "null": None}


@dataclass(frozen=True, slots=True)
class Field:
    """``name`` leads to it from the top: ``data[].id``; ``kind`` is its type in words."""

    name: str
    kind: str
    needed: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class Schemas:
    """Those that the document has names for."""

    named: Json

    @classmethod
    def of(cls, document: Json) -> "Schemas":
        return cls(document["components"]["schemas"])

    def fields(self, schema: Json, before: str = "", depth: int = 1) -> Iterator[Field]:
        """List fields in depth first: what has parts is followed by them."""
        whole = self._object(schema)
        for name, part in whole.get("properties", {}).items():
            path, inner = f"{before}{name}", self._object(part)
            meaning = part.get("description") or ""
            yield Field(path, self.kind(part), name in whole.get("required", ()), meaning)
            if inner.get("properties") and depth < _DEEPEST:
                dots = "[]." if self._choices(part)[0].get("type") == "array" else "."
                yield from self.fields(inner, path + dots, depth + 1)

    def kind(self, schema: Json) -> str:
        """Name its type, as people say it."""
        return " or ".join(dict.fromkeys(self._kind(choice) for choice in self._choices(schema)))

    def example(self, schema: Json) -> Any:
        """Return a value that the schema takes: what it must have, and what it has examples of."""
        first = self._choices(schema)[0]
        for given in (schema, first):
            if "examples" in given:
                return given["examples"][0]
            if "default" in given:
                return given["default"]
        if "const" in first or "enum" in first:
            return first.get("const", first.get("enum", [None])[0])
        if first.get("type") == "array":
            return [self.example(first["items"])]
        if "properties" in first:
            parts, needed = first["properties"].items(), first.get("required", ())
            return {name: self.example(part) for name, part in parts if name in needed or "examples" in part}
        return _SHOWN.get(first.get("type", ""), {})

    def _object(self, schema: Json) -> Json:
        """Return what has the fields: the schema itself, or what its list is made of."""
        first = self._choices(schema)[0]
        return self._object(first["items"]) if first.get("type") == "array" and "items" in first else first

    def _choices(self, schema: Json) -> list[Json]:
        """Return what it can be, each in full, null last."""
        if "$ref" in schema:
            return self._choices(self.named[schema["$ref"].rpartition("/")[2]])
        choices = [found for each in schema.get("anyOf", ()) for found in self._choices(each)]
        return sorted(choices, key=lambda choice: choice.get("type") == "null") or [schema]

    def _kind(self, schema: Json) -> str:
        if "enum" in schema or "const" in schema:
            return " or ".join(f"“{each}”" for each in schema.get("enum", [schema.get("const")]))
        match schema.get("type"):
            case "array":
                return f"list of {self.kind(schema.get('items', {}))}"
            case "string":
                return {"date-time": "time", "date": "day"}.get(schema.get("format", ""), "text")
            case "integer":
                return "whole number"
            case kind:
                return str(kind or "anything")
