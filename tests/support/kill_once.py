"""Real processes that are killed with SIGKILL at a point of the code."""

from __future__ import annotations

from pathlib import Path

from tests.support.paths import ROOT

# Python runs this at the start of every process. Once the file exists, a call of the function is the last thing that
# its process does: after as many others as the file says.
_SITE = """
import importlib, os, signal
from pathlib import Path

path, armed = os.environ["KILL_AT"].split(":"), Path(os.environ["KILL_ONCE"])
place = importlib.import_module(path[0])
*owners, name = path[1].split(".")
for owner in owners:
    place = getattr(place, owner)
real = getattr(place, name)

def kill_once(*arguments, **values):
    if armed.exists():
        calls = int(armed.read_text())
        if calls == 0:
            armed.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        armed.write_text(str(calls - 1))
    return real(*arguments, **values)

setattr(place, name, kill_once)
"""


class KillOnce:
    """Kills one process that has its settings. point: the function, such as ivr.people.audit:record."""

    def __init__(self, folder: Path, point: str) -> None:
        site = folder / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(_SITE)
        self._armed = folder / "armed"
        self.settings = {"PYTHONPATH": f"{site}:{ROOT}", "KILL_AT": point, "KILL_ONCE": str(self._armed)}

    def arm(self, after_calls: int = 0) -> None:
        self._armed.write_text(str(after_calls))

    @property
    def has_killed(self) -> bool:
        return not self._armed.exists()
