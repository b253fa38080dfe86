"""`python -m tests.attack URL`: attacks a line from outside, and says what to do. For your own test installation.

Exit status: 0 if the line is safe, 1 if not, 2 for wrong use or a line that does not answer.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

from tests.attack.exchange import Door
from tests.attack.outside import Attack, attacks, request

_AT_ONCE = 8


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.attack", description="Attack your own test installation of the line from outside."
    )
    parser.add_argument("url", help="where it listens, such as https://line-test.example.org")
    parser.add_argument("--insecure", action="store_true", help="accept any certificate")
    options = parser.parse_args(arguments)
    parts = urlsplit(options.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        print("Give the address as http://host:port or https://host, without a path.", file=sys.stderr)
        return 2
    door = Door(options.url.rstrip("/"), verify=not options.insecure)
    reason = _is_not_a_line(door)
    if reason:
        print(f"{door.url} is not a line that answers ({reason}). Start it, and check the address.", file=sys.stderr)
        return 2
    chosen = attacks(door)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        faults = list(threads.map(partial(_fault, door), chosen))
    return _report(chosen, faults)


def _is_not_a_line(door: Door) -> str:
    try:
        answer = door.exchange([request(b"/healthz").replace(b"{host}", door.host.encode())])
    except OSError as error:
        return str(error)
    return "" if answer.status == 200 else f"/healthz gives {answer.status or 'nothing'}"


def _fault(door: Door, attack: Attack) -> str:
    try:
        return attack.run(door)
    except OSError as error:
        return f"the line does not answer any more ({error})"


def _report(chosen: list[Attack], faults: list[str]) -> int:
    for attack, fault in zip(chosen, faults, strict=True):
        print(f"{'finding' if fault else 'ok':<8} {attack.kind:<12} {attack.name}")
        if fault:
            print(f"{'':<21} {fault}. {attack.advice}")
    found = sum(map(bool, faults))
    print(f"{len(chosen)} attacks, {found or 'no'} finding{'' if found == 1 else 's'}.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
