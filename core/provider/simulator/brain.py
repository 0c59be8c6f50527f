"""A very small brain: which of the tools on offer fit a question, and with what input."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias
from zoneinfo import available_timezones

from core.provider.simulator.directives import OrderedCall, Orders, without_orders
from core.provider.simulator.talk import Talk

Input: TypeAlias = dict[str, Any]

_NUMBER = r"(\d+(?:\.\d+)?)"
_BETWEEN = re.compile(rf"{_NUMBER}\s*%?\s*(?:-|–|to|and)\s*{_NUMBER}\s*(?:%|percent)", re.IGNORECASE)
_ABOVE = re.compile(rf"(?:above|over|at least|more than|from)\s+{_NUMBER}\s*(?:%|percent)", re.IGNORECASE)
_BELOW = re.compile(rf"(?:below|under|at most|less than|up to)\s+{_NUMBER}\s*(?:%|percent)", re.IGNORECASE)
_PEOPLE = re.compile(r"\b(employees?|staff|salar(?:y|ies)|increments?|raises?)\b", re.IGNORECASE)
_OPERAND = r"\(*\d+(?:[.,]\d+)*\)*"
_SUM = re.compile(rf"(?<![\w./-]){_OPERAND}(?:(?:\s*[+*/^×÷]\s*|\s+-\s+){_OPERAND})+(?![\w%])")
_PART = re.compile(rf"{_NUMBER}\s*%\s+of\s+\d+(?:[.,]\d+)*", re.IGNORECASE)
_TIME = re.compile(r"\b(what time|time is it|current time|what day|which day|date today|today's date)\b", re.IGNORECASE)
_MONEY = re.compile(r"\b(costs?|spend|spent|spending|bill)\b", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]+")


def choose(talk: Talk, tools: Sequence[Mapping[str, Any]], orders: Orders) -> list[OrderedCall]:
    """The calls to make now: those ordered, else those that fit the question; none once tools have answered."""
    if orders.calls:
        return orders.calls[talk.rounds] if talk.rounds < len(orders.calls) else []
    if talk.rounds or talk.paused or orders.say is not None:
        return []
    question = without_orders(talk.question)
    fitting = ((tool, _input(question, tool)) for tool in tools if "input_schema" in tool)
    return [OrderedCall(tool["name"], json.dumps(given)) for tool, given in fitting if given is not None]


def _input(question: str, tool: Mapping[str, Any]) -> Input | None:
    properties = (tool["input_schema"].get("properties") or {}).keys()
    if tool["name"].startswith("ask_"):
        return _task(question, tool["name"])
    for part, make in _SKILLS:
        if part in tool["name"]:
            return make(question, list(properties))
    return None


def _employees(question: str, properties: Sequence[str]) -> Input | None:
    if not _PEOPLE.search(question):
        return None
    between, above, below = _BETWEEN.search(question), _ABOVE.search(question), _BELOW.search(question)
    low = between[1] if between else above[1] if above else None
    high = between[2] if between else below[1] if below else None
    bounds = {_bound(properties, "min"): low, _bound(properties, "max"): high}
    return {name: float(value) for name, value in bounds.items() if name and value}


def _bound(properties: Sequence[str], end: str) -> str | None:
    return next((name for name in properties if end in name and ("incr" in name or "percent" in name)), None)


def _calculation(question: str, properties: Sequence[str]) -> Input | None:
    found = _PART.search(question) or _SUM.search(question)
    if found is None:
        return None
    return {_first(properties, "expression"): found[0].replace("×", "*").replace("÷", "/").replace(",", "")}


def _time(question: str, properties: Sequence[str]) -> Input | None:
    if not _TIME.search(question):
        return None
    zones = (zone for zone in sorted(available_timezones()) if "/" in zone)
    named = next((zone for zone in zones if zone.split("/")[-1].replace("_", " ").lower() in question.lower()), None)
    zone = next((name for name in properties if "zone" in name), None)
    return {zone: named} if zone and named else {}


def _costs(question: str, _: Sequence[str]) -> Input | None:
    return {} if _MONEY.search(question) else None


def _page(question: str, properties: Sequence[str]) -> Input | None:
    found = _ADDRESS.search(question)
    return {_first(properties, "url"): found[0].rstrip(".,;")} if found else None


def _task(question: str, name: str) -> Input | None:
    """For another agent that the question names, or that is the one for people."""
    words = [word for word in name.lower().split("_")[1:] if len(word) > 3]
    meant = any(word in question.lower() for word in words) or ("people" in words and _PEOPLE.search(question))
    return {"task": question} if meant else None


def _first(properties: Sequence[str], usual: str) -> str:
    return usual if usual in properties or not properties else properties[0]


_SKILLS: tuple[tuple[str, Callable[[str, Sequence[str]], Input | None]], ...] = (
    ("get_employees", _employees),
    ("calculator", _calculation),
    ("current_time", _time),
    ("query_costs", _costs),
    ("fetch_url", _page),
)
