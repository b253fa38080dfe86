"""The loops of `watch` and `pull` without their waits, and a release with a new site."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from ivr.ledger import Ledger
from ivr.line.content.loader import read_content
from ivr.releases.store import publish_release
from tests.line.content.test_loader import changed

_SITE = "  - id: elliot\n    name: {en: Elliot Hospital, es: Elliot Hospital}\n"
_NEW_SITE = (
    "  - {id: west, name: {en: West, es: West}, timezone: America/New_York, directory: central-scheduling}\n" + _SITE
)
WITH_NEW_SITE = read_content(changed("line.yaml", _SITE, _NEW_SITE))


def publish_new_site(ledger: Ledger, now: datetime) -> None:
    """Publish the shipped line with a second site, called west."""
    publish_release(ledger, WITH_NEW_SITE, now, "ann", "a new site", "console")


class Steps(threading.Event):
    """The signal that ends a loop. Each wait for it is the next step, and after the last step it is set."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        super().__init__()
        self._steps, self.waits = list(steps), list[float | None]()

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        if self._steps:
            self._steps.pop(0)()
        else:
            self.set()
        return self.is_set()
