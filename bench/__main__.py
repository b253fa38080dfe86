"""`python -m bench [PART …]`: runs all parts, or the given ones."""

from __future__ import annotations

import argparse
import sys

from bench import (
    api,
    capacity,
    console,
    feeds,
    imports,
    ledger,
    memory,
    proof,
    publishing,
    sending,
    startup,
    texts,
    understanding,
    voice,
)
from bench.crowds import callers, crowd, held
from bench.support.machine import DATABASES

PARTS = {
    "startup": startup.main,
    "voice": voice.main,
    "texts": texts.main,
    "callers": callers.main,
    "crowd": crowd.main,
    "connections": held.main,
    "understanding": understanding.main,
    "proof": proof.main,
    "imports": imports.main,
    "ledger": ledger.main,
    "sending": sending.main,
    "publishing": publishing.main,
    "api": api.main,
    "feeds": feeds.main,
    "console": console.main,
    "memory": memory.main,
    "capacity": capacity.main,
}


def main(arguments: list[str]) -> int:
    """Run the parts. Returns their highest exit status: 0 success, 1 failure, 2 missing service or usage error."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks against a baseline.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--seconds", type=float, help="callers, crowd, capacity: duration")
    parser.add_argument("--callers", type=int, help="callers, crowd, capacity: number of concurrent callers")
    parser.add_argument("--appointments", type=int, help="console: number of appointments, for a quick run")
    parser.add_argument("--rows", type=int, help="imports, sending, capacity: number of rows or texts, for a quick run")
    parser.add_argument("--database", choices=DATABASES, help="console, imports, sending, capacity: only this one")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        print(f"Unknown part: {', '.join(unknown)}. The parts are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    return max(PARTS[name](options) for name in options.parts or PARTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
