"""Whether the line works, for monitoring: no key is needed, and nothing personal is in the answer."""

from __future__ import annotations

from typing import Any

from ivr import queues
from ivr.web.api import models
from ivr.web.api.context import services
from ivr.web.api.documentation import resource
from ivr.web.api.gate import ANYONE

blueprint = resource("health", "Health", needs_key=False)
ACCESS = {"health.show": ANYONE}


@blueprint.get("/health", responses={200: models.Health})
def show() -> dict[str, Any]:
    """Which services of the line answer."""
    shared = services()
    line = shared.releases.live
    has_queue = queues.is_reachable(shared.settings.redis_url)
    return {"ledger": shared.ledger.is_usable(), "queue": has_queue, "release": line.digest if line else None}
