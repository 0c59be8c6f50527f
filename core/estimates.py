"""Estimate how many tokens a text is where the provider has not counted, by script of the text and generation of model.

The weights are tokens a character, set by hand so that samples of eleven kinds come near to how many tokens such
texts were counted to have; ``python -m core.pricing estimates`` says how they hold in an installation. Each has two
figures: the likeliest, which costs are estimated from, and one that is hardly ever passed, which budgets hold and which
must fit the model.
"""

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_WEIGHTS: dict[str, tuple[float, float]] = {
    "latin": (0.39, 0.6),
    "capitals": (0.55, 0.9),
    "digits": (0.56, 1.0),
    "marks": (0.85, 1.0),
    "space": (0.01, 0.06),
    "lines": (0.2, 1.0),
    "accented": (1.1, 1.8),
    "greek": (0.95, 1.4),
    "cyrillic": (0.64, 1.0),
    "hebrew": (1.0, 1.6),
    "arabic": (0.9, 1.4),
    "devanagari": (1.0, 1.5),
    "indic": (1.5, 2.7),
    "thai": (1.3, 2.2),
    "hangul": (0.9, 1.4),
    "kana": (0.83, 1.15),
    "chinese": (0.82, 1.25),
    "emoji": (1.0, 3.2),
    "joiners": (0.5, 2.0),
    "symbols": (1.0, 3.0),
    "rare": (2.0, 4.0),
}
_ENGLISH = (0.275, 0.42)
"""Latin letters of plain English, which the vocabularies hold whole words of."""
_UNBROKEN = (0.6, 0.95)
"""Letters and digits in a row too long for a word: base64, hashes, keys."""
_IN_WORDS = ("latin", "capitals", "digits")

# Where a script begins; each goes on to where the next one does.
_BLOCKS: tuple[tuple[int, str], ...] = (
    (0x00, "marks"),
    (0x80, "symbols"),
    (0xC0, "accented"),
    (0x2B0, "symbols"),
    (0x370, "greek"),
    (0x400, "cyrillic"),
    (0x530, "rare"),
    (0x590, "hebrew"),
    (0x600, "arabic"),
    (0x780, "rare"),
    (0x8A0, "arabic"),
    (0x900, "devanagari"),
    (0x980, "indic"),
    (0xE00, "thai"),
    (0xE80, "indic"),
    (0x1100, "hangul"),
    (0x1200, "rare"),
    (0x1E00, "accented"),
    (0x1F00, "greek"),
    (0x2000, "symbols"),
    (0x2600, "emoji"),
    (0x27C0, "symbols"),
    (0x2E80, "chinese"),
    (0x3000, "kana"),
    (0x3130, "hangul"),
    (0x3190, "kana"),
    (0x3400, "chinese"),
    (0xA000, "rare"),
    (0xAC00, "hangul"),
    (0xD7B0, "rare"),
    (0xF900, "chinese"),
    (0xFB50, "arabic"),
    (0xFE00, "joiners"),
    (0xFE10, "symbols"),
    (0xFE70, "arabic"),
    (0xFF00, "kana"),
    (0xFFE0, "symbols"),
    (0x10000, "rare"),
    (0x1F000, "emoji"),
    (0x1FB00, "rare"),
    (0x20000, "chinese"),
    (0x40000, "rare"),
)
_BEGINNINGS = [start for start, _ in _BLOCKS]
_ENGLISH_WORDS = (
    "the of and a to in is you that it he was for on are as with his they i at be this have from or one had by "
    "word but not what all were we when your can said there use an each which she do how their if will up "
    "other about out many then them these so some her would make like him into time has look two more write go "
    "see number no way could people my than first water been call who its now find long down day did get come "
    "made may part any only also because should must please"
)
_COMMON = re.compile(rf"\b(?:{_ENGLISH_WORDS.replace(' ', '|')})\b", re.IGNORECASE)
_LONG = re.compile(r"[A-Za-z0-9+]{24,}")
_SAMPLE = 20_000
_LETTERS_A_COMMON_WORD = (13, 42)
"""English has one of its commonest words within so many letters; where it takes more than the second it is none."""

_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?![\d])")
_NEW_TOKENIZER = (4, 7)
_NEW, _NEW_UPPER = 1.3, 1.4
"""How many more tokens the models from 4.7 on count in the same text."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens: ``central`` is the likeliest number, ``upper`` one that is hardly ever passed."""

    central: int = 0
    upper: int = 0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.central + other.central, self.upper + other.upper)


@lru_cache(maxsize=4_096)
def script_of(character: str) -> str:
    """Return the script that it is counted as."""
    if character.isascii():
        if character.isalpha():
            return "latin" if character.islower() else "capitals"
        if character.isdigit():
            return "digits"
        if character == " ":
            return "space"
        return "lines" if character.isspace() else "marks"
    return _BLOCKS[bisect_right(_BEGINNINGS, ord(character)) - 1][1]


class Tally:
    """What is counted of a text that grows: ``add`` takes constant time, the pieces are looked at when it is asked."""

    __slots__ = ("_bytes", "_common", "_pieces", "_scripts", "_unbroken")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._scripts: Counter[str] = Counter()
        self._common = self._unbroken = self._bytes = 0

    def add(self, text: str) -> None:
        self._pieces.append(text)

    def tokens(self, model: str) -> Estimate:
        """Estimate tokens; at least 1 for any text."""
        self._count()
        if not self._bytes:
            return Estimate()
        central, upper = self._weighed()
        if uses_new_tokenizer(model):
            central, upper = central * _NEW, upper * _NEW_UPPER
        # No tokenizer makes more than one token of a byte.
        most = max(1, math.ceil(min(upper, self._bytes)))
        return Estimate(max(1, min(most, round(central))), most)

    @property
    def script(self) -> str | None:
        """The one that most of its letters are of; None for no text."""
        self._count()
        letters = [script for script in self._scripts if script not in ("space", "lines")]
        return max(letters or self._scripts, key=self._scripts.__getitem__, default=None)

    def _count(self) -> None:
        if not self._pieces:
            return
        text = "".join(self._pieces)
        self._pieces.clear()
        for character, count in Counter(text).items():
            self._scripts[script_of(character)] += count
        self._common += _common_words(text)
        self._unbroken += sum(map(len, _LONG.findall(text)))
        self._bytes += len(text.encode("utf-8", "surrogatepass"))

    def _weighed(self) -> tuple[float, float]:
        english, wordlike = self._english(), sum(self._scripts[script] for script in _IN_WORDS)
        unbroken = min(self._unbroken, wordlike)
        sums = [unbroken * weight for weight in _UNBROKEN]
        for script, count in self._scripts.items():
            left = count * (1 - unbroken / wordlike) if script in _IN_WORDS else count
            for place, weight in enumerate(_WEIGHTS[script]):
                plain = _ENGLISH[place] * english + weight * (1 - english) if script == "latin" else weight
                sums[place] += left * plain
        return sums[0], sums[1]

    def _english(self) -> float:
        """Return how much of it reads like English, from 0 to 1."""
        letters = self._scripts["latin"] + 4 * self._scripts["accented"]
        if not self._common:
            return 0.0
        at_most, none = _LETTERS_A_COMMON_WORD
        return min(1.0, max(0.0, (none - letters / self._common) / (none - at_most)))


def _common_words(text: str) -> int:
    """Find common words; long texts by their beginning and end: words take longer to find than letters to count."""
    if len(text) <= 2 * _SAMPLE:
        return len(_COMMON.findall(text))
    return len(_COMMON.findall(text[:_SAMPLE] + text[-_SAMPLE:])) * len(text) // (2 * _SAMPLE)


def estimate(text: str, model: str) -> Estimate:
    """About how many tokens a text is for a model; at least 1 for any text."""
    return estimate_parts((text,), model)


def estimate_parts(texts: Iterable[str], model: str) -> Estimate:
    """``estimate`` of texts that stand one after the other."""
    tally = Tally()
    for text in texts:
        tally.add(text)
    return tally.tokens(model)


@lru_cache(maxsize=1_024)
def uses_new_tokenizer(model: str) -> bool:
    """Return whether it counts as the models from 4.7 on do; a Claude of unknown version is taken for a new one."""
    found = _VERSION.search(model.lower())
    if found is None:
        return "claude" in model.lower()
    return (int(found[1]), int(found[2] or 0)) >= _NEW_TOKENIZER
