"""The image and the composition, without containers: linted, held against the product, and their commands run."""

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy import make_url

from core.place import VERSION
from core.settings import Settings
from tests.house_rules import PROJECT
from tests.postgresql import Cluster
from tests.served import Served, clean_environment, free_port, served
from tests.test_package import installed, wheel
from tests.test_proxy import nginx

__all__ = ["installed", "wheel"]

BIN = Path(sys.executable).parent
DOCKERFILE = (PROJECT / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = YAML(typ="safe").load(PROJECT / "compose.yaml")
APPS = ("app-1", "app-2")


def instructions(name: str, text: str = DOCKERFILE) -> list[str]:
    """What follows the instruction in the last stage, its lines joined."""
    stage = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", text)).rpartition("\nFROM ")[2]
    return re.findall(rf"(?m)^{name} (.*)$", stage)


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in instructions("ENV") for pair in line.split())


def command(of: str) -> list[str]:
    """A JSON array, as CMD and HEALTHCHECK have it."""
    [line] = instructions(of)
    found: list[str] = json.loads(line[line.index("[") :])
    return found


def test_the_image_is_linted() -> None:
    subprocess.run([BIN / "hadolint", PROJECT / "Dockerfile"], check=True)


def test_the_composition_is_what_compose_reads() -> None:
    check = [str(BIN / "check-jsonschema"), "--quiet", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    subprocess.run(check, cwd=PROJECT, check=True)


def test_nothing_of_the_image_runs_as_root_or_writes_outside_its_volume() -> None:
    assert instructions("USER") == ["10001:10001"]
    assert instructions("VOLUME") == [image_environment()["DATA_DIR"]] == ["/data"]
    for name in APPS:
        app = COMPOSE["services"][name]
        assert (app["read_only"], app["cap_drop"], app["tmpfs"]) == (True, ["ALL"], ["/tmp"])
        assert "no-new-privileges:true" in app["security_opt"]
        assert app["stop_grace_period"] == "30s"
    assert COMPOSE["services"]["proxy"]["read_only"]


def test_the_image_is_of_this_version_and_its_parts_are_pinned() -> None:
    assert {COMPOSE["services"][name]["image"] for name in APPS} == {f"command-center:{VERSION}"}
    images = re.findall(r"(?m)^FROM (\S+)", DOCKERFILE)
    images += [each["image"] for each in COMPOSE["services"].values() if "build" not in each]
    assert all(re.fullmatch(r"[a-z]+:\d+(\.\d+)+-[a-z-]+", image) for image in images), images


def test_the_image_is_made_of_what_the_wheel_is_made_of() -> None:
    """Everything else is left out of what is sent to build it."""
    kept = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packed = re.search(r"only-include = \[(.*?)\]", (PROJECT / "pyproject.toml").read_text(), re.DOTALL)
    assert packed is not None
    needed = {*re.findall(r'"(.+?)"', packed[1]), "requirements.txt", "README.md", "LICENSE"}
    assert kept == needed


def test_every_setting_of_the_composition_is_one() -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name in APPS:
        assert set(COMPOSE["services"][name]["environment"]) <= known
    environment = {*image_environment()} - {"PATH", "HOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    assert environment <= known


@pytest.fixture(scope="module")
def composition(
    installed: Path, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, list[Served]]]:
    """Both processes and their proxy as compose.yaml starts them, with the names and places of this machine."""
    folder, port = tmp_path_factory.mktemp("composition"), free_port()
    url, database = f"http://localhost:{port}", make_url(cluster.url)
    said = {"POSTGRES_PASSWORD": "unused", "ENCRYPTION_KEYS": "k" * 43 + "=", "PUBLIC_URL": url}
    with ExitStack() as stack:
        servers = [stack.enter_context(_app(name, folder, installed, database, said)) for name in APPS]
        site = (PROJECT / "deploy" / "nginx.conf").read_text().replace("listen 8080", f"listen 127.0.0.1:{port}")
        for name, server in zip(APPS, servers, strict=True):
            site = site.replace(f"{name}:8501", server.url.removeprefix("http://").replace("localhost", "127.0.0.1"))
        stack.enter_context(nginx(folder, site, url))
        yield url, servers


def _app(name: str, folder: Path, installed: Path, database: Any, said: dict[str, str]) -> Any:
    settings = {**image_environment(), **COMPOSE["services"][name]["environment"]}
    settings = {key: _filled(value, said) for key, value in settings.items()}
    due = make_url(settings["DATABASE_URL"])
    assert (due.host, due.drivername) == ("db", "postgresql+psycopg")
    own = {"PATH": f"{installed / 'bin'}:{BIN}", "HOME": str(folder), "PYTHONPATH": str(installed)}
    settings |= {"DATABASE_URL": database.render_as_string(hide_password=False), **own}
    settings |= {"BIND_ADDRESS": "127.0.0.1", "FORWARDED_ALLOW_IPS": "127.0.0.1"}
    place, port = folder / name, free_port()
    place.mkdir()
    del settings["DATA_DIR"], settings["PORT"]
    found = [shutil.which(word, path=settings["PATH"]) or word for word in command("CMD")[:1]]
    return served(place / "data", [*found, *command("CMD")[1:]], folder=place, port=port, **settings)


def _filled(value: str, said: dict[str, str]) -> str:
    """With what compose puts in place of ``${NAME:-default}`` and ``${NAME:?message}``."""
    return re.sub(r"\$\{(\w+)(?::([-?])(.*?))?\}", lambda each: said.get(each[1], each[3] or ""), value)


def test_its_processes_serve_through_the_proxy_and_are_well(composition: tuple[str, list[Served]]) -> None:
    url, servers = composition
    assert urllib.request.urlopen(f"{url}/healthz").status == 200
    assert b"command-center access link" in urllib.request.urlopen(f"{url}/sign-in").read()
    check = [sys.executable, *command("HEALTHCHECK")[1:]]
    for server in servers:
        port = server.url.rpartition(":")[2]
        subprocess.run(check, env=clean_environment(PORT=port), check=True, timeout=30)
    ill = subprocess.run(check, env=clean_environment(PORT=str(free_port())), capture_output=True, timeout=30)
    assert ill.returncode != 0


def test_one_process_goes_and_the_other_serves_on(composition: tuple[str, list[Served]]) -> None:
    url, servers = composition
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    assert servers[0].stop() == 0
    for _ in range(3):
        assert urllib.request.urlopen(f"{url}/healthz").status == 200
