"""What the simulated model says: text that fits the question a little, from a seeded generator."""

import random
import re
from collections.abc import Callable, Iterator
from itertools import count, islice

from core.provider.simulator.directives import Orders, Shape
from core.provider.simulator.tokens import split_tokens

_TOPIC_WORDS = 3
_USUAL_LENGTH = 200
_STOP_WORDS = """
a about an and are as at be between but by can compare could describe do does explain for from give hello help how i in
is it its like list long make me my of on or our please short show so some table tell than that the their them then
there this to us use want was we what when where which why will with would write you your
""".split()  # noqa: SIM905
_OPENINGS = (
    "Here is a short way to think about **{topic}**.",
    "Good question. **{Topic}** is easier to see in parts.",
    "In brief: **{topic}** comes down to a few choices.",
    "Let us take **{topic}** step by step.",
)
_SENTENCES = (
    "Start with what you can measure about {topic}, and change one thing at a time.",
    "Most trouble with {topic} comes from two steps that depend on each other without saying so.",
    "A small example of {topic} tells more than a long description.",
    "When {topic} grows, the part that waits is seldom the part that works.",
    "It helps to write down what should never happen to {topic}, and to test exactly that.",
    "Keep the first version of {topic} plain; what it lacks will show itself in use.",
    "If two people explain {topic} differently, the difference is where to look first.",
    "For {topic}, the usual case deserves the simplest path and the rare case a clear one.",
)
_POINTS = (
    "**Scope** – decide what {topic} has to do, and what it may leave out.",
    "**Cost** – each part of {topic} should pay for itself.",
    "**Order** – do the step of {topic} that can fail before the one that cannot.",
    "**Limits** – give {topic} a bound that you chose, before it finds its own.",
    "**Proof** – keep one check for {topic} that a newcomer can run.",
    "**Names** – call the parts of {topic} by the words people use for them.",
)
_ROWS = (
    ("Effort", "small", "larger"),
    ("Speed", "steady", "fast at first"),
    ("Risk", "known", "hidden"),
    ("Upkeep", "one person", "a team"),
    ("Fits", "daily use", "rare cases"),
)
_CODE = '''def {name}(items, limit=10):
    """Return the best of the items, at most `limit` of them."""
    ranked = sorted(items, key=lambda item: item.score, reverse=True)
    return ranked[:limit]
'''
_CLOSINGS = (
    "Say more about your case, and I can be more exact.",
    "Would you like an example with your own figures?",
    "> In short: keep {topic} small, measured and named.",
)
_MUSINGS = (
    "The question is about {topic}.",
    "What matters most here is probably how {topic} is used.",
    "I should give a short overview first and then something concrete.",
    "A table may be too much; a list should do.",
    "I will keep the words plain and end with a question.",
)


def seeded(seed: str) -> random.Random:
    """The same seed always gives the same answer and pace."""
    return random.Random(seed)  # noqa: S311


def topic_of(question: str) -> str:
    """The words that a question seems to be about."""
    words = re.findall(r"[^\W\d_][\w'-]{2,}", re.sub(r"\[\[.*?\]\]", " ", question, flags=re.DOTALL))
    telling = [word.lower() for word in words if word.lower() not in _STOP_WORDS]
    return " ".join(telling[:_TOPIC_WORDS]) or "this"


def answer_tokens(question: str, orders: Orders, model: str, seed: str) -> list[str]:
    """The answer's tokens: exactly ``orders.tokens`` of them where that is ordered."""
    if orders.say is not None:
        return split_tokens(orders.say, model)
    rng, topic = seeded(seed), topic_of(question)
    write = _WRITERS[orders.shape or "rich"]
    length = orders.tokens
    if length is None and orders.shape in (None, "rich"):
        return split_tokens("".join(_take_some(write(rng, topic), question)), model)
    length = _USUAL_LENGTH if length is None else length
    return _close_fence(_first_tokens(write(rng, topic), length, model), orders.shape, model)


def thinking_tokens(question: str, length: int, model: str, seed: str) -> list[str]:
    """Thinking of exactly ``length`` tokens."""
    rng, topic = seeded(seed), topic_of(question)
    return _first_tokens((_fill(rng.choice(_MUSINGS), topic) + " " for _ in count()), length, model)


def _first_tokens(parts: Iterator[str], length: int, model: str) -> list[str]:
    """Split as one text: sent back in the next request, it counts the same again."""
    text, tokens = "", list[str]()
    while len(tokens) < length:
        text += "".join(islice(parts, 1 + length // 16))
        tokens = split_tokens(text, model)
    return tokens[:length]


def _take_some(parts: Iterator[str], question: str) -> Iterator[str]:
    """The first few parts of an endless answer; longer questions get longer answers."""
    for _ in range(min(6 + len(question) // 200, 14)):
        yield next(parts)


def _close_fence(tokens: list[str], shape: Shape | None, model: str) -> list[str]:
    """End a lone code fence properly within the ordered length."""
    closing = split_tokens("\n```", model)
    if shape != "code" or len(tokens) <= 2 * len(closing):
        return tokens
    return tokens[: -len(closing)] + closing


def _fill(template: str, topic: str) -> str:
    return template.format(topic=topic, Topic=topic[:1].upper() + topic[1:])


def _prose(rng: random.Random, topic: str, sentences: int = 3) -> str:
    return " ".join(_fill(text, topic) for text in rng.sample(_SENTENCES, sentences)) + "\n\n"


def _bullets(rng: random.Random, topic: str) -> str:
    return "".join(f"- {_fill(point, topic)}\n" for point in rng.sample(_POINTS, 4)) + "\n"


def _steps(rng: random.Random, topic: str) -> str:
    chosen = enumerate(rng.sample(_SENTENCES, 3), start=1)
    return "".join(f"{number}. {_fill(text, topic)}\n" for number, text in chosen) + "\n"


def _table(rng: random.Random, topic: str) -> str:
    rows = "".join(f"| {name} | {one} | {other} |\n" for name, one, other in rng.sample(_ROWS, 4))
    return f"| {_fill('{Topic}', topic)} | simple way | thorough way |\n|---|---|---|\n{rows}\n"


def _code(_rng: random.Random, topic: str) -> str:
    name = re.sub(r"\W+", "_", topic, flags=re.ASCII).strip("_") or "pick"
    return f"```python\n{_CODE.format(name=f'best_{name}')}```\n\n"


def _heading(rng: random.Random, topic: str) -> str:
    return f"## {rng.choice(('What matters', 'In practice', 'A closer look', 'Next steps'))}: {topic}\n\n"


_SECTIONS: tuple[Callable[[random.Random, str], str], ...] = (_prose, _bullets, _steps, _table, _code)


def _rich(rng: random.Random, topic: str) -> Iterator[str]:
    yield _fill(rng.choice(_OPENINGS), topic) + "\n\n"
    yield _prose(rng, topic)
    while True:
        yield _heading(rng, topic)
        yield _prose(rng, topic, 2)
        yield rng.choice(_SECTIONS)(rng, topic)
        yield _fill(rng.choice(_CLOSINGS), topic) + "\n\n"


def _plain(rng: random.Random, topic: str) -> Iterator[str]:
    while True:
        yield _prose(rng, topic)


def _code_only(rng: random.Random, topic: str) -> Iterator[str]:
    yield "```python\n"
    for number in range(1, 1_000_000):
        yield f"total_{number} = {rng.randint(1, 999)} * rate + offset  # step {number} of {topic}\n"


def _table_only(rng: random.Random, topic: str) -> Iterator[str]:
    yield f"| step | {topic} | result |\n|---|---|---|\n"
    for number in range(1, 1_000_000):
        yield f"| {number} | {rng.choice(_ROWS)[1]} | {rng.randint(1, 9_999)} |\n"


def _list_only(rng: random.Random, topic: str) -> Iterator[str]:
    for number in range(1, 1_000_000):
        yield f"{number}. {_fill(rng.choice(_SENTENCES), topic)}\n"


_WRITERS: dict[Shape, Callable[[random.Random, str], Iterator[str]]] = {
    "rich": _rich,
    "plain": _plain,
    "code": _code_only,
    "table": _table_only,
    "list": _list_only,
}
