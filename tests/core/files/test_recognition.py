"""A file is taken for what it holds, or refused with a sentence; never anything else."""

import json
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from core.errors import FileRefused
from core.files import looking, recognition, worker
from core.files.limits import LARGEST_IMAGE
from core.files.recognition import Recognized, claim, plain_name
from tests.sample_files import CSV, image, pdf


def recognize(name: str, data: bytes) -> Recognized:
    return recognition.recognize(claim(name, data), "ada")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_an_image_is_what_its_bytes_say_whatever_its_ending(kind: str) -> None:
    found = recognize("photo.png", image(kind, 40, 30))
    assert (found.kind, found.media_type, found.width, found.height) == ("image", f"image/{kind.lower()}", 40, 30)


def test_an_image_that_lies_on_its_side_is_stood_up() -> None:
    target, exif = BytesIO(), Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (40, 30)).save(target, "JPEG", exif=exif)
    found = recognize("phone.jpg", target.getvalue())
    assert found.preview is not None
    with Image.open(BytesIO(found.preview)) as small:
        assert (found.width, found.height) == small.size == (30, 40)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_kind_of_pixel_gets_a_small_preview(mode: str) -> None:
    found = recognize("photo.png", image("PNG", 1_000, 500, mode))
    assert found.preview is not None
    with Image.open(BytesIO(found.preview)) as small:
        assert (small.format, small.size) == ("WEBP", (480, 240))


def test_documents_and_texts_are_told_apart() -> None:
    assert (recognize("a.pdf", pdf(3)).media_type, recognize("a.pdf", pdf(3)).pages) == ("application/pdf", 3)
    assert [recognize(name, CSV).media_type for name in ("a.csv", "a.txt", "Makefile")] == [
        "text/csv",
        "text/plain",
        "text/plain",
    ]


def _bomb() -> bytes:
    """A PNG that says it has a thousand million pixels."""
    header = struct.pack(">IIBBBBB", 40_000, 25_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("empty.png", b"", "is empty"),
        ("blank.txt", b"\xef\xbb\xbf \n", "is empty"),
        ("no.png", b"just words", "does not hold a PNG, JPEG, GIF or WebP image"),
        ("no.pdf", image(), "does not hold a PDF"),
        ("no.csv", b"a;b\n\x81;\xf6\n", "Save it as UTF-8"),
        ("no.csv", b"a,b\0c", "Save it as UTF-8"),
        ("no.txt", image(), "does not hold text"),
        ("no.exe", b"MZ\0\xff", "holds neither a PNG"),
        ("cut.png", image(width=500)[:-200], "is damaged"),
        ("cut.jpg", image("JPEG", 500, 500)[:-800], "is damaged"),
        ("head.png", b"\x89PNG\r\n\x1a\n", "is damaged"),
        ("cut.pdf", pdf()[:100], "is damaged"),
        ("secret.pdf", pdf(password="x"), "protected by a password"),
        ("wide.png", image(width=8_001, height=1), "8,000 pixels"),
        ("bomb.png", _bomb(), "8,000 pixels"),
        ("big.png", b"\x89PNG\r\n\x1a\n" + bytes(LARGEST_IMAGE), "may have 7.5 MB"),
        ("big.txt", b"x" * 5_000_001, "may have 5 MB"),
    ],
)
def test_what_cannot_be_attached_is_refused_with_a_reason(name: str, data: bytes, why: str) -> None:
    with pytest.raises(FileRefused, match=why) as refused:
        recognize(name, data)
    assert refused.value.for_user.startswith(f"“{name}” ")


def test_a_document_of_too_many_pages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "MOST_PARTS", 2)
    with pytest.raises(FileRefused, match="has 3 pages; 2 can be read"):
        recognize("long.pdf", pdf(3))


_SEEDS = [CSV, *(image(kind) for kind in ("PNG", "JPEG", "GIF", "WEBP")), pdf(), pdf(2), b"%PDF-1.7\n", b""]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good file with some bytes changed, cut off or put in."""
    data = bytearray(draw(st.sampled_from(_SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        data[start : start + draw(st.integers(0, 12))] = draw(st.binary(max_size=12))
    return bytes(data)


@pytest.fixture(scope="module")
def here() -> Iterator[None]:
    """The worker's own work without a process for each of many files."""

    def ask(kind: str, data: bytes) -> bytes:
        said, small = worker._look(worker._LOOKS[kind], data)
        return json.dumps(said).encode() + b"\n" + small

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looking, "_asked", ask)
        yield


@pytest.mark.usefixtures("here")
@settings(max_examples=150)
@given(st.one_of(st.text(max_size=300), st.sampled_from(["a.png", "b.PDF", "c.csv"])), damaged())
def test_any_file_is_taken_or_refused(name: str, data: bytes) -> None:
    refusal, found = "", None
    try:
        found = recognize(name, data)
    except FileRefused as refused:
        refusal = refused.for_user
    if found is None:
        assert refusal.endswith(". Nothing was sent.")
        assert refusal.isprintable()
    else:
        assert (found.preview is not None) == (found.kind == "image")
        assert data


@given(st.text(max_size=400))
def test_a_name_becomes_one_short_line_that_every_place_can_show(name: str) -> None:
    plain = plain_name(name)
    assert 0 < len(plain) <= 120
    assert plain.isprintable()
    assert "/" not in plain
    assert plain_name(plain) == plain


def test_a_long_name_keeps_its_ending() -> None:
    assert plain_name("C:\\photos\\" + "x" * 300 + ".png") == "x" * 116 + ".png"
