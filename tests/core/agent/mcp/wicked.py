"""A stdio server that does what its caller asks, however wrong: `python -m tests.core.agent.mcp.wicked MODE`."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MODE = sys.argv[1] if len(sys.argv) > 1 else ""
WORDS = {"type": "object", "properties": {"text": {"type": "string"}}}
TOOLS: dict[str, dict[str, Any]] = {
    "echo": WORDS,
    "pid": {"type": "object"},
    "environment": {"type": "object"},
    "crash": {"type": "object"},
    "hang": {"type": "object"},
    "nap": {"type": "object"},
    "freeze": {"type": "object"},
    "close_input": {"type": "object"},
    "big": {"type": "object", "properties": {"size": {"type": "integer"}}},
    "content": {"type": "object"},
    "refuse": WORDS,
    "learn": WORDS,
    "breed": {"type": "object"},
    "either": {"type": "object", "oneOf": [{}, {}]},
    "odd": {"type": "object", "properties": {"x": {"type": "no such type"}}},
}


def send(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    sys.stdout.buffer.flush()


def texts(*parts: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": part} for part in parts]}


def call(name: str, given: dict[str, Any]) -> dict[str, Any] | None:
    match name:
        case "echo":
            return texts(*given.get("text", "").split("|"))
        case "pid":
            return texts(str(os.getpid()))
        case "nap":
            time.sleep(1)
            return texts("awake")
        case "environment":
            return texts(json.dumps(dict(os.environ)))
        case "big":
            return texts("x" * given["size"])
        case "content":
            return {"content": json.loads(given["blocks"]), "isError": given.get("failed", False)}
        case "learn":
            TOOLS[given["text"]] = WORDS
            send({"method": "notifications/tools/list_changed"})
            return texts("learnt")
        case "breed":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
            return texts(str(child.pid))
    misbehave(name)
    return None


def misbehave(name: str) -> None:
    """Whatever else there is, there is no answer."""
    match name:
        case "crash":
            sys.stderr.write("something broke: hunter2-secret\n")
            sys.stderr.flush()
            os._exit(3)
        case "freeze":
            time.sleep(3600)
        case "close_input":
            os.close(0)
            time.sleep(3600)


def answer(request: dict[str, Any]) -> dict[str, Any] | None:
    params = request.get("params", {})
    match request["method"]:
        case "initialize":
            capabilities = {"tools": {"listChanged": True}}
            info = {"name": "wicked", "version": "1"}
            return {"result": {"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": info}}
        case "tools/list" if MODE == "wrong_list":
            return {"result": {"tools": [{"name": "x", "inputSchema": {"type": "array"}}]}}
        case "tools/list":
            start = int(params.get("cursor", "0"))
            page = [{"name": name, "inputSchema": schema} for name, schema in list(TOOLS.items())[start : start + 4]]
            more = {"nextCursor": str(start + 4)} if start + 4 < len(TOOLS) else {}
            return {"result": {"tools": page, **more}}
        case "tools/call" if params["name"] == "refuse":
            return {"error": {"code": -32602, "message": params["arguments"]["text"]}}
        case "tools/call":
            result = call(params["name"], params.get("arguments", {}))
            return result and {"result": result}
    return {"error": {"code": -32601, "message": "no such method"}}


def misbehave_at_start() -> None:
    """Some modes fail only once more than ``MODE:FILE`` allows: each start adds a byte to the file."""
    mode, _, file = MODE.partition(":")
    if file:
        with Path(file).open("ab") as starts:
            starts.write(b".")
    match mode:
        case "crash_at_start":
            raise SystemExit("no database: hunter2-secret")
        case "hang_at_start":
            time.sleep(3600)
        case "crash_once" if Path(file).stat().st_size == 1:
            raise SystemExit(1)


def main() -> None:
    misbehave_at_start()
    for line in sys.stdin:
        if MODE == "garbage":
            sys.stdout.buffer.write(b'hello\n\n\xff\x00\xfe\n[]\n{}\n{"jsonrpc": "2.0", "id": 999, "result": {}}\n')
        request = json.loads(line)
        if "id" in request and (reply := answer(request)):
            send({"id": request["id"], **reply})


if __name__ == "__main__":
    main()
