"""`python -m tools.audit`: look for known vulnerabilities of the pinned dependencies.

Exit status: 0 none, or the database cannot be reached, which is printed; 1 if there are some.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.request

from tools.release import REQUIREMENTS, ROOT

# pip-audit asks PyPI: https://docs.pypi.org/api/json/#known-vulnerabilities
DATABASE = "https://pypi.org/pypi/pip/json"
# What hospitals install: without traces, and with them.
AUDITED = (REQUIREMENTS, ROOT / "requirements-tracing.txt")
COMMAND = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip"]
COMMAND += [word for file in AUDITED for word in ("--requirement", str(file))]


def main() -> int:
    try:
        urllib.request.urlopen(DATABASE, timeout=10).close()  # noqa: S310 - a constant
    except OSError as error:
        reason = getattr(error, "reason", error)
        print(f"Skipped: the database of known vulnerabilities cannot be reached ({reason}).")
        return 0
    return 1 if subprocess.run(COMMAND, check=False).returncode else 0


if __name__ == "__main__":
    sys.exit(main())
