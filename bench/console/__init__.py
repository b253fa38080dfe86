"""The console with a million appointments: pages, uploads, transfer, and a caller's turn beside 50 users.

`python -m bench console` measures SQLite and PostgreSQL through the real web process, `--database` only one of them;
`--appointments 20000` is a quick run.
"""

from bench.console.run import main

__all__ = ["main"]
