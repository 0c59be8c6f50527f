"""Images and documents as blocks, and their tokens as the provider's own table has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.provider.media import image_block, image_tokens, media_tokens, pdf_block, text_block
from tests.sample_files import image, pdf

SHARP, STANDARD = "claude-opus-5-5", "claude-haiku-4-5"


@pytest.mark.parametrize(
    ("size", "standard", "sharp"),
    [
        ((200, 200), 64, 64),
        ((1_000, 1_000), 1_296, 1_296),
        ((1_092, 1_092), 1_521, 1_521),
        ((1_920, 1_080), 1_560, 2_691),
        ((2_000, 1_500), 1_564, 3_888),
        ((3_840, 2_160), 1_560, 4_784),
        ((1_520, 1_075), 1_551, 2_145),
    ],
)
def test_an_image_has_the_tokens_of_the_published_table(size: tuple[int, int], standard: int, sharp: int) -> None:
    for width, height in (size, size[::-1]):
        assert image_tokens(width, height, STANDARD) == standard
        assert image_tokens(width, height, SHARP) == image_tokens(width, height, "unknown") == sharp


@given(st.integers(1, 8_000), st.integers(1, 8_000))
def test_no_image_is_more_than_the_most_or_nothing(width: int, height: int) -> None:
    assert 1 <= image_tokens(width, height, STANDARD) <= 1_568
    assert image_tokens(width, height, STANDARD) <= image_tokens(width, height, SHARP) <= 4_784


def test_the_tokens_of_a_block_are_those_of_what_it_holds() -> None:
    picture = image_block("image/png", image(width=280, height=56))
    assert media_tokens(picture, SHARP) == 20
    assert media_tokens({"type": "tool_result", "content": [picture, picture]}, SHARP) == 40
    assert media_tokens(pdf_block("a.pdf", pdf(3)), SHARP) == 6_900
    assert media_tokens(text_block("a.txt", "words"), SHARP) == 0
    assert media_tokens(image_block("image/png", b"no image"), SHARP) == 0
