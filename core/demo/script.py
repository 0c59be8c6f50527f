"""Writes the conversations of the demo month: who asks what, when, and how it goes on."""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, cycle, islice
from random import Random
from zoneinfo import ZoneInfo

from core.books.values import ModelCall, Run, Trace
from core.chat.new_turn import Head, NewTurn
from core.demo.attempts import Attempts, Fate
from core.demo.cast import SOURCE, Cast, DemoAgent, DemoPerson, Line
from core.demo.exchange import Exchange, Talk
from core.demo.ids import id_at
from core.demo.usage import Context
from core.pricing import PriceBook

DAYS_BEFORE = 29

_FATES: tuple[tuple[Fate, float], ...] = (
    ("failed", 0.013),
    ("stopped", 0.011),
    ("interrupted", 0.006),
    ("retried", 0.025),
    ("timed out", 0.004),
    ("preview", 0.005),
    ("fine", 0.936),
)
_FATE_ENDS = list(accumulate(share for _, share in _FATES))
_BUSY = (1.0, 1.05, 1.05, 1.0, 0.8, 0.08, 0.06)
"""How much is asked on each day of the week, from Monday."""
_MOST_TURNS = 12


@dataclass(frozen=True, slots=True)
class Month:
    """``today`` is its last day, in ``zone``; ``models`` are the agents', by name."""

    cast: Cast
    book: PriceBook
    models: dict[str, str]
    today: date
    zone: ZoneInfo

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.days()[0], time(), self.zone).astimezone(UTC)

    def days(self) -> list[date]:
        return [self.today - timedelta(days=ago) for ago in range(DAYS_BEFORE, -1, -1)]

    def talks(self, day: date) -> list[Talk]:
        """Return the talks that begin on the day, in order; always the same ones."""
        random = Random(f"demo month {self.today} {day}")  # noqa: S311 (nothing of it is secret)
        talks = [
            _Script(self, person, at, random).talk()
            for person in self.cast.people
            for at in _times(person, day, self.zone, random)
        ]
        return sorted(talks, key=lambda talk: talk[0].opening.head.at)


def _times(person: DemoPerson, day: date, zone: ZoneInfo, random: Random) -> Iterator[datetime]:
    for _ in range(round(random.gauss(person.talks_a_day * _BUSY[day.weekday()], 1))):
        hour = random.uniform(person.begins, person.ends)
        if 12.2 < hour < 13.0 and random.random() < 0.7:
            hour += 1  # lunch
        at = datetime.combine(day, time(), zone) + timedelta(milliseconds=int(hour * 3_600_000))
        yield at.astimezone(UTC)


class _Script:
    """Writes one conversation, drawing from ``random`` all that is left to chance."""

    def __init__(self, month: Month, person: DemoPerson, at: datetime, random: Random) -> None:
        [name] = random.choices(list(person.agents), list(person.agents.values()))
        self._month, self._person, self._random = month, person, random
        self._agent: DemoAgent = month.cast.agent(name)
        self._context = Context(self._agent, random)
        self._begins = at
        self._id = id_at(at, random)
        self._last_answer: str | None = None

    def talk(self) -> Talk:
        talk: Talk = []
        at = self._begins
        for line in self._lines():
            talk.append(self._exchange(line, at))
            at = talk[-1].end.ended.at + self._pause()
        return talk

    def _lines(self) -> Iterator[Line]:
        lines, more = self._random.choice(self._agent.talks), self._month.cast.follow_ups
        turns = min(1 + int(self._random.expovariate(1 / 3.4)), _MOST_TURNS)
        return islice(cycle([*lines, *self._random.sample(more, len(more))]), turns)

    def _pause(self) -> timedelta:
        seconds = 8 + self._random.expovariate(1 / 75)
        if self._random.random() < 0.07:
            seconds += self._random.uniform(360, 1_500)
        return timedelta(milliseconds=int(seconds * 1_000))

    def _exchange(self, line: Line, at: datetime) -> Exchange:
        question, answer = line
        used = self._context.ask(question, at)
        opening = self._opening(question, at, used.prompt)
        self._last_answer = opening.head.message_id
        fate, _ = _FATES[bisect(_FATE_ENDS, self._random.random() * _FATE_ENDS[-1])]
        return Attempts(self._month.book, opening, self._random).play(fate, used, answer)

    def _opening(self, question: str, at: datetime, prompt: int) -> NewTurn:
        cast = self._month.cast
        trace, session, span, asked = (id_at(at, self._random) for _ in range(4))
        answer = id_at(at + timedelta(milliseconds=1), self._random)
        person, agent = cast.person_id(self._person), cast.agent_id(self._agent)
        model = self._month.models[self._agent.name]
        return NewTurn(
            head=Head(trace, self._id, answer, person, agent, at),
            trace=Trace(trace, at, SOURCE, model, question, person, agent, self._id, "demo", "demo"),
            run=Run(session, trace, at, model, at, "simulated", agent, 1),
            call=ModelCall(span, trace, session, model, at, prompt_estimate=prompt),
            user_message_id=asked,
            title=question if self._last_answer is None else None,
            text=question,
            last_message_id=self._last_answer,
        )
