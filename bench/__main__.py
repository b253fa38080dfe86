"""`python -m bench [PART …]`: all parts, or the ones named."""

from __future__ import annotations

import argparse
import sys

from bench import callers, imports, ledger, proof, publishing, sending, startup, texts, understanding, voice

PARTS = {
    "startup": startup.main,
    "voice": voice.main,
    "texts": texts.main,
    "callers": callers.main,
    "understanding": understanding.main,
    "proof": proof.main,
    "imports": imports.main,
    "ledger": ledger.main,
    "sending": sending.main,
    "publishing": publishing.main,
}


def main(words: list[str]) -> int:
    """The worst exit status of the parts: 0 fine, 1 something failed, 2 something that is needed is absent."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Side-by-side measurements.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default all")
    parser.add_argument("--seconds", type=float, help="callers: for how long")
    parser.add_argument("--callers", type=int, help="callers: how many at once")
    options = parser.parse_args(words)
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        print(f"There is no part {', '.join(unknown)}: known are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    return max(PARTS[name](options) for name in options.parts or PARTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
