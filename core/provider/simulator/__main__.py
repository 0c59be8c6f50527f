"""``python -m core.provider.simulator --port 8765``: the simulated provider for ANTHROPIC_BASE_URL."""

import argparse
import asyncio
import sys

from core.provider.simulator.messages_api import Simulator
from core.provider.simulator.server import SimulatorServer


async def _serve(options: argparse.Namespace) -> None:
    simulator = Simulator(pace=options.pace, seed=options.seed)
    async with SimulatorServer(simulator, host=options.host, port=options.port) as server:
        sys.stdout.write(f"The simulated provider answers at {server.url}\n")
        sys.stdout.flush()
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m core.provider.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--pace", type=float, default=1.0, help="1 is realistic, 0 answers without pauses")
    parser.add_argument("--seed", type=int, default=0)
    try:
        asyncio.run(_serve(parser.parse_args()))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
