"""Text is read in the encoding that it says or shows; what was guessed is said, with what came of it."""

import codecs

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.files.recognition import claim, recognize
from core.files.text import as_plain_text, decode

_WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\t\n\r"), min_size=1)
_LATIN = "Grüße; 12,50 €; Łódź"


@given(_WORDS, st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "utf-32")))
def test_l5_what_says_its_encoding_is_read_in_it(text: str, encoding: str) -> None:
    assume(not text.startswith("\ufeff"))
    data = text.encode(encoding)
    found = decode(data)
    assert found is not None
    assert (found.text, found.guessed) == (text, False)


@given(_WORDS, st.sampled_from((("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE))))
def test_l5_both_orders_of_utf_16(text: str, order: tuple[str, bytes]) -> None:
    assume(not text.startswith(("\ufeff", "\0")) and text.strip("\0"))
    encoding, mark = order
    assert as_plain_text(mark + text.encode(encoding)) == text


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_l5_a_table_as_excel_saves_it_is_read(newline: str) -> None:
    table = newline.join(("name;sum", "Jürgen;1.234,50 €", "Zoë;2"))
    unicode_text, ansi = table.encode("utf-16"), table.encode("cp1252")
    assert as_plain_text(unicode_text) == as_plain_text(ansi) == table
    said, guessed = recognize(claim("a.csv", unicode_text), "ada"), recognize(claim("a.csv", ansi), "ada")
    assert (said.encoding, said.guessed) == ("UTF-16", "")
    assert guessed.encoding == "Windows-1252"
    assert "Jürgen;1.234,50 €" in guessed.guessed


def test_l5_a_declared_encoding_is_taken_at_its_word() -> None:
    data = '<?xml version="1.0" encoding="ISO-8859-5"?><a>Привет</a>'.encode("iso-8859-5")
    found = decode(data)
    assert found is not None
    assert "Привет" in found.text
    assert (found.encoding, found.guessed) == ("ISO8859-5", False)


def test_l5_a_declared_encoding_that_is_none_is_not_believed() -> None:
    assert as_plain_text(b'<?xml version="1.0" encoding="rot13"?><a>x</a>') is not None
    assert as_plain_text(b'<?xml version="1.0" encoding="utf-8"?><a>\xff</a>') is not None


def test_l5_utf_16_without_a_mark_is_guessed() -> None:
    found = decode("name,sum\r\nAda,1\r\n".encode("utf-16-le"))
    assert found is not None
    assert (found.text, found.guessed) == ("name,sum\r\nAda,1\r\n", True)


@given(st.binary(min_size=1, max_size=60))
def test_l5_whatever_it_is_nothing_with_control_characters_is_text(data: bytes) -> None:
    text = as_plain_text(data)
    assert text is None or not set(text) & set(map(chr, (*range(8), *range(14, 27), *range(28, 32))))
