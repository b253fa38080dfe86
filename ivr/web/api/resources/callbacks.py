"""Call-back requests: who waits for a call."""

from __future__ import annotations

from typing import Any

from ivr.people.audit import AuditKind
from ivr.people.callbacks import PendingCallback, pending_callbacks
from ivr.people.work_claims import WorkList
from ivr.web.api import models
from ivr.web.api.context import audit, config, services
from ivr.web.api.documentation import problems, resource
from ivr.web.api.gate import SCHEDULERS
from ivr.web.api.pages import after, page
from ivr.web.api.resources.work import finish, take

blueprint = resource("callbacks", "Call-back requests")
ACCESS = dict.fromkeys(("callbacks.list_callbacks", "callbacks.claim", "callbacks.done"), SCHEDULERS)


@blueprint.get("/callbacks", responses={200: models.CallbackPage, **problems(422)})
def list_callbacks(query: models.PageQuery) -> dict[str, Any]:
    """The patients who wait for a call, those who asked first first."""
    shared, last = services(), after(query)
    with shared.ledger.write() as connection:
        waiting = pending_callbacks(connection, shared.vault, after=last, limit=query.limit + 1)
        shown, following = page(waiting, query.limit, lambda callback: callback.id)
        audit(connection, AuditKind.CALLBACKS_READ, callbacks=[callback.id for callback in shown])
    return {"callbacks": [_json(callback) for callback in shown], "next": following}


@blueprint.post("/callbacks/<int:item_id>/claim", responses={200: models.Claimed, **problems(409, 422)})
def claim(path: models.ItemPath, body: models.ClaimBody) -> dict[str, Any]:
    """Take a call-back request for a user of the console."""
    return take(WorkList.CALLBACKS, path.item_id, body.user)


@blueprint.post("/callbacks/<int:item_id>/done", responses={200: models.Done, **problems(404)})
def done(path: models.ItemPath) -> dict[str, Any]:
    """Mark a call as made."""
    return finish(WorkList.CALLBACKS, path.item_id)


def _json(callback: PendingCallback) -> dict[str, Any]:
    names = {entry.id: entry.name[config().default_language] for entry in config().directory}
    fields = {name: getattr(callback, name) for name in ("id", "phone", "entry", "topic", "language", "wished")}
    asked_at = callback.asked_at.astimezone(config().zone).isoformat(timespec="seconds")
    return {**fields, "asked_at": asked_at, "name": names.get(callback.entry, callback.entry)}
