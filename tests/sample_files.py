"""Small files of every kind that can be attached, and some that cannot."""

from io import BytesIO

from PIL import Image
from pypdf import PdfWriter

CSV = b"name,increment\nAda,7\nGrace,9\n"


def image(kind: str = "PNG", width: int = 40, height: int = 30, mode: str = "RGB") -> bytes:
    target = BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert(mode).save(target, kind)
    return target.getvalue()


def pdf(pages: int = 1, password: str | None = None) -> bytes:
    writer, target = PdfWriter(), BytesIO()
    for _ in range(pages):
        writer.add_blank_page(612, 792)
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    writer.write(target)
    return target.getvalue()
