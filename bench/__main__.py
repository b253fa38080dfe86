"""`python -m bench [PART …]`: all parts, or the ones named."""

from __future__ import annotations

import sys

from bench import voice

PARTS = {"voice": voice.main}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"There is no part {', '.join(unknown)}: known are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    for name in names or PARTS:
        PARTS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
