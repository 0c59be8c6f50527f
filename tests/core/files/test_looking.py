"""Files are opened by bounded processes of their own, one of a person's at a time (H1)."""

import threading
from io import BytesIO

import psutil
import pytest
from PIL import Image

from core.children import tied
from core.errors import FileRefused
from core.files import looking
from core.files.looking import Looking
from core.files.reading import Encrypted, TooManyPixels, TooMuch, Unreadable
from core.files.recognition import claim, recognize
from tests.sample_files import image, pdf

EDGE = 8_000


def huge(mode: str = "RGB") -> bytes:
    """Small as a file, and 256 MB as pixels."""
    target = BytesIO()
    Image.new(mode, (EDGE, EDGE)).save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "I;16"])
def test_h1_the_largest_image_costs_this_process_no_memory(mode: str) -> None:
    data, before = huge(mode), psutil.Process().memory_info().rss
    found = Looking().look("image", data, "ada")
    assert (found.width, found.height, found.preview is not None) == (EDGE, EDGE, True)
    assert psutil.Process().memory_info().rss - before < 50_000_000
    assert [child for child in psutil.Process().children() if "worker" in " ".join(child.cmdline())] == []


@pytest.mark.parametrize(
    ("kind", "data", "error"),
    [
        ("image", b"\x89PNG\r\n\x1a\n", Unreadable),
        ("image", image(width=EDGE + 1, height=1), TooManyPixels),
        ("pdf", pdf()[:100], Unreadable),
        ("pdf", pdf(password="x"), Encrypted),
    ],
)
def test_h1_what_is_wrong_comes_back_from_the_worker(kind: str, data: bytes, error: type[Unreadable]) -> None:
    with pytest.raises(Unreadable) as refused:
        Looking().look(kind, data, "ada")  # type: ignore[arg-type]
    assert type(refused.value) is error


HUNGRY = "import resource; resource.setrlimit(resource.RLIMIT_AS, (10**8,) * 2); bytearray(10**9)"
BUSY = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass"
ASLEEP = "import time; time.sleep(60)"


@pytest.mark.parametrize("program", [HUNGRY, BUSY, ASLEEP])
def test_h1_a_worker_that_takes_too_much_is_ended_and_said_so(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(looking, "tied", lambda command, environment: tied([command[0], "-c", program], environment))
    monkeypatch.setattr(looking, "WORKER_SECONDS", 3)
    before = set(psutil.Process().children())
    with pytest.raises(TooMuch):
        Looking().look("image", b"", "ada")
    with pytest.raises(FileRefused, match="takes too much memory or time to open"):
        recognize(claim("a.png", image()), "ada")
    assert set(psutil.Process().children()) <= before


def test_h1_one_persons_queue_never_stops_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ada hands in five files that hang, beside one place that is free for others: Bob's is looked at meanwhile."""
    go_on, begun, running = threading.Event(), threading.Semaphore(0), list[bytes]()

    def ask(kind: str, data: bytes) -> bytes:
        if data == b"slow":
            running.append(data)
            begun.release()
            assert go_on.wait(20)
        return b'{"media_type": "image/png"}\n'

    monkeypatch.setattr(looking, "_asked", ask)
    place = Looking(at_once=2)
    adas = [threading.Thread(target=place.look, args=("image", b"slow", "ada")) for _ in range(5)]
    for thread in adas:
        thread.start()
    assert begun.acquire(timeout=10)
    assert place.look("image", b"quick", "bob").media_type == "image/png"
    assert running == [b"slow"], "hers are looked at one after the other"
    go_on.set()
    for thread in adas:
        thread.join(10)
    assert (len(running), place._turns) == (5, {})
