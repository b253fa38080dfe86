"""`python -m ivr.doctor`: the report as JSON, for the console, which runs it in a process of its own."""

from __future__ import annotations

import json
import sys

from ivr import side_process
from ivr.doctor.result import Line
from ivr.doctor.runner import report_as_json, run


def main() -> None:
    """Print the report of this line."""
    settings = side_process.begin()
    sys.stdout.write(json.dumps(report_as_json(dict(run(Line(settings, settings.redis_url))))) + "\n")


if __name__ == "__main__":
    main()
