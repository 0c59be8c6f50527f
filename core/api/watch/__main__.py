"""``python -m core.api.watch "message" --agent NAME``: exit status 0 if the answer was completed."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from time import monotonic, sleep
from typing import TextIO

from httpx2 import Client, HTTPError

from core.api.watch.following import Following, WatchFailed, told
from core.api.watch.report import Report
from core.place import COMMAND
from core.settings import settings

COMPLETED, FAILED, NO_CONNECTION, INTERRUPTED = 0, 1, 3, 130
_TOKEN = "COMMAND_CENTER_TOKEN"  # noqa: S105 - the name of a variable


def main() -> int:
    """Watch as the command line says."""
    return run(sys.argv[1:], sys.stdout)


def run(
    arguments: Sequence[str], out: TextIO, client: Client | None = None, pause: Callable[[float], None] = sleep
) -> int:
    """Follow one answer and say in the exit status how that went."""
    given = _parser().parse_args(arguments)
    with closing(client or _client(given)) as connected:
        following = Following(connected, task_trace_id=given.resume, place=given.after, pause=pause)
        try:
            if not given.resume:
                following.message = _message(connected, given)
            return _follow(following, out)
        except WatchFailed as problem:
            out.write(f"{problem}\n{_how_to_resume(following)}")
            return NO_CONNECTION
        except KeyboardInterrupt:
            out.write(f"\nNot watched any more.\n{_how_to_resume(following)}")
            return INTERRUPTED


def _follow(following: Following, out: TextIO) -> int:
    report = Report(out, monotonic())
    for event in following.events():
        report.show(event)
    report.close(following.reconnections)
    return COMPLETED if report.error is None else FAILED


def _how_to_resume(following: Following) -> str:
    if not following.task_trace_id:
        return ""
    after = f" --after {following.place}" if following.place else ""
    again = f"{COMMAND} watch --resume {following.task_trace_id}{after}"
    return f"The answer goes on without you for a while. To go on watching it: {again}\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"{COMMAND} watch", description="Send a message and watch the answer.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("message", nargs="?", help="what to say")
    what.add_argument("--resume", default="", metavar="TRACE", help="watch this answer, instead of sending anything")
    parser.add_argument("--after", default="", metavar="ID", help="with --resume: show what came after this event")
    parser.add_argument("--agent", default="", help="name or id of whom to ask; needed if there are several")
    parser.add_argument("--conversation", metavar="ID", help="go on with this conversation")
    parser.add_argument("--url", default="", help="the server, if it is not this machine's")
    parser.add_argument("--token", default=os.environ.get(_TOKEN, ""), help=f"better given as {_TOKEN}")
    return parser


def _client(given: argparse.Namespace) -> Client:
    headers = {"Authorization": f"Bearer {given.token}"} if given.token else {}
    return Client(base_url=given.url or f"http://localhost:{settings().port}", headers=headers)


def _message(client: Client, given: argparse.Namespace) -> dict[str, str | None]:
    agent = _agent(client, given.agent)
    return {"agentId": agent, "conversationId": given.conversation, "message": given.message}


def _agent(client: Client, wanted: str) -> str:
    """Return the id of the agent of that name; without one, of the only agent there is. Raises WatchFailed."""
    try:
        answer = client.get("/api/agents")
    except HTTPError as error:
        raise WatchFailed(f"Nothing answers at {client.base_url} ({error}). Is the server running?") from None
    if answer.status_code != 200:
        raise WatchFailed(told(answer))
    agents = answer.json()["data"]
    fits = [each for each in agents if not wanted or wanted.casefold() in (each["name"].casefold(), each["id"])]
    if len(fits) != 1:
        names = ", ".join(each["name"] for each in agents) or "none"
        raise WatchFailed(f"Choose one with --agent: {names}.")
    return str(fits[0]["id"])


if __name__ == "__main__":
    sys.exit(main())
