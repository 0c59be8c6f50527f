"""Images: how large they are, and a small picture of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import ExifTags, Image, ImageOps

from core.files.reading import TooManyPixels, read_carefully

_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
IMAGE_TYPES = tuple(_MEDIA_TYPES.values())
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_PREVIEW_EDGE = 480
_LYING = (5, 6, 7, 8)
"""Orientations of an image whose rows are shown as columns."""


def begins_like_image(data: bytes) -> bool:
    return data.startswith(_BEGINNINGS) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def measure(data: bytes) -> tuple[str, int, int]:
    """Media type, width and height in pixels as it is shown. Raises Unreadable, TooManyPixels."""
    return read_carefully(_measure, data)


def preview(data: bytes) -> bytes:
    """Return a small WebP, made from the whole image; measure it first.

    Raises Unreadable, also where its end is missing.
    """
    return read_carefully(_preview, data)


def _measure(data: bytes) -> tuple[str, int, int]:
    with _opened(data) as image:
        across, down = image.size
        if image.getexif().get(ExifTags.Base.Orientation) in _LYING:
            across, down = down, across
        return _MEDIA_TYPES[image.format or ""], across, down


def _preview(data: bytes) -> bytes:
    target = BytesIO()
    with _opened(data) as image:
        # Sixteen bits a pixel cannot be made smaller in two steps.
        image.thumbnail((_PREVIEW_EDGE, _PREVIEW_EDGE), reducing_gap=None if image.mode.startswith("I;16") else 2.0)
        upright = ImageOps.exif_transpose(image)
        upright.convert("RGBA" if upright.has_transparency_data else "RGB").save(target, "WEBP", quality=80)
    return target.getvalue()


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    try:
        image = Image.open(BytesIO(data), formats=tuple(_MEDIA_TYPES))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooManyPixels from None
    with image:
        yield image
