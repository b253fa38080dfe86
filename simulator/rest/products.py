"""Twilio's products: each has a host of its own, which the path of a request may name: `/messaging/v1/Services`.

Without it a path such as `/v1/Services`, which several products have, is the one that the simulator has.
"""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from simulator.resource import API_VERSION

# What the simulator has of each product, by the beginning of the path.
SERVED = {"api": f"/{API_VERSION}/", "messaging": "/v1/Services", "monitor": "/v1/Alerts"}
_PATH = re.compile(rf"(?:/(?P<product>[a-z][a-z-]*))?(?P<path>/(?:{API_VERSION}|v\d+)/.*)")
_MOST_SENTENCES = 100
_log = logging.getLogger("simulator")


class ProductPaths:
    """WSGI middleware that removes the name of a product that the simulator has from a path."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        match = _PATH.fullmatch(environ.get("PATH_INFO", ""))
        if match and match["path"].startswith(SERVED.get(match["product"] or "", " ")):
            environ["PATH_INFO"] = match["path"]
        return self._app(environ, start_response)


def path_at_twilio(path: str) -> str | None:
    """The path of a request to Twilio's API, without its product; None for any other request."""
    match = _PATH.fullmatch(path)
    return match and match["path"]


@dataclass(frozen=True)
class Uncovered:
    """Says which requests the simulator does not have, each once."""

    said: set[str] = field(default_factory=set)

    def report(self, method: str, path: str) -> None:
        match = _PATH.fullmatch(path)
        if match is None:
            return
        of = f" of {match['product']}.twilio.com" if match["product"] else ""
        # The rest of the path may be a phone number.
        sentence = f"The simulator does not have {method} {_resource(match['path'])}{of}: see docs/simulator.md."
        if sentence not in self.said and len(self.said) < _MOST_SENTENCES:
            self.said.add(sentence)
            _log.warning(sentence)


def _resource(path: str) -> str:
    """The kind of resource, without its identifiers: `/2010-04-01/Accounts/AC…/Queues.json` is `Queues`."""
    _, version, *names = path.split("/")
    if version == API_VERSION and len(names) > 2:
        names = names[2:]
    return names[0].partition(".")[0] if version == API_VERSION else f"/{version}/{names[0]}"
