"""A process of its own that looks into one file of somebody else within limits: ``python -m core.files.worker``.

The file comes on standard input; what was found goes out as a line of JSON, an image's preview after it.
"""

import json
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

from core.files.images import measure, preview
from core.files.limits import LONGEST_EDGE, WORKER_BYTES, WORKER_CPU_SECONDS
from core.files.pdf import count_pages
from core.files.reading import TooManyPixels, Unreadable


def main() -> None:
    """Exit status 0 if it could be said what the file is, or why it is nothing."""
    for what, most in ((resource.RLIMIT_AS, WORKER_BYTES), (resource.RLIMIT_CPU, WORKER_CPU_SECONDS)):
        resource.setrlimit(what, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    said, small = _look(_LOOKS[sys.argv[1]], sys.stdin.buffer.read())
    sys.stdout.buffer.write(json.dumps(said).encode() + b"\n" + small)


def _look(look: Callable[[bytes], tuple[dict[str, Any], bytes]], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        return look(data)
    except Unreadable as error:
        if isinstance(error.__cause__, MemoryError):
            raise error.__cause__ from None
        return {"wrong": type(error).__name__}, b""


def _image(data: bytes) -> tuple[dict[str, Any], bytes]:
    media_type, width, height = measure(data)
    if max(width, height) > LONGEST_EDGE:
        raise TooManyPixels
    return {"media_type": media_type, "width": width, "height": height}, preview(data)


def _pdf(data: bytes) -> tuple[dict[str, Any], bytes]:
    return {"media_type": "application/pdf", "pages": count_pages(data)}, b""


_LOOKS = {"image": _image, "pdf": _pdf}

if __name__ == "__main__":
    main()
