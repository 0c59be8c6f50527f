"""PDF documents."""

from io import BytesIO

from core.files.reading import Encrypted, read_carefully


def begins_like_pdf(data: bytes) -> bool:
    return data.startswith(b"%PDF-")


def count_pages(data: bytes) -> int:
    """Raises Unreadable for a document that is damaged or has no pages, Encrypted."""
    return read_carefully(_count_pages, data)


def _count_pages(data: bytes) -> int:
    from pypdf import PdfReader  # takes a quarter of a second, which only a PDF needs

    reader = PdfReader(BytesIO(data))
    if reader.is_encrypted:
        raise Encrypted
    pages = len(reader.pages)
    if not pages:
        raise ValueError("no pages")
    return pages
