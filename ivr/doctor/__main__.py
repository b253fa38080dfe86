"""`python -m ivr.doctor`: the report as JSON, for the console, which runs it in a process of its own."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress

from ivr import clock, log
from ivr.doctor.result import Line
from ivr.doctor.runner import report_as_json, run
from ivr.private_files import set_private_umask
from ivr.settings import load

_LESS_URGENT = 10


def main() -> None:
    """Print the report of this line. It must not create keys: the web process has them already."""
    # Callers come first.
    with suppress(OSError):
        os.nice(_LESS_URGENT)
    set_private_umask()
    settings = load(save_keys=False)
    log.configure()
    clock.set_shift(settings.clock_shift_seconds)
    sys.stdout.write(json.dumps(report_as_json(dict(run(Line(settings, settings.redis_url))))) + "\n")


if __name__ == "__main__":
    main()
