"""Work items: appointments to move or cancel, numbers that are not the patient's, and HL7 messages to look at."""

from __future__ import annotations

from typing import Any

from ivr.feeds.unread import UnreadMessage, explanation, unread_messages
from ivr.i18n import filled
from ivr.people.audit import AuditKind
from ivr.people.work_claims import WorkList
from ivr.people.work_items import WorkItem, pending_work_items
from ivr.web.api import models
from ivr.web.api.context import audit, config, services
from ivr.web.api.documentation import problems, resource
from ivr.web.api.gate import SCHEDULERS
from ivr.web.api.pages import after, page
from ivr.web.api.resources.work import finish, take

blueprint = resource("work_items", "Work items")
ACCESS = dict.fromkeys(
    (
        f"work_items.{name}"
        for name in ("list_items", "claim", "done", "list_messages", "claim_message", "complete_message")
    ),
    SCHEDULERS,
)


@blueprint.get("/work-items", responses={200: models.WorkItemPage, **problems(422)})
def list_items(query: models.PageQuery) -> dict[str, Any]:
    """The items that wait, oldest first."""
    shared, last = services(), after(query)
    with shared.ledger.write() as connection:
        waiting = pending_work_items(connection, shared.vault, after=last, limit=query.limit + 1)
        shown, following = page(waiting, query.limit, lambda item: item.id)
        audit(connection, AuditKind.TODOS_READ, todos=[item.id for item in shown])
    return {"items": [_json(item) for item in shown], "next": following}


@blueprint.post("/work-items/<int:item_id>/claim", responses={200: models.Claimed, **problems(409, 422)})
def claim(path: models.ItemPath, body: models.ClaimBody) -> dict[str, Any]:
    """Take a work item for a user of the console."""
    return take(WorkList.ITEMS, path.item_id, body.user)


@blueprint.post("/work-items/<int:item_id>/done", responses={200: models.Done, **problems(404)})
def done(path: models.ItemPath) -> dict[str, Any]:
    """Mark a work item as done."""
    return finish(WorkList.ITEMS, path.item_id)


@blueprint.get("/work-items/messages", responses={200: models.UnreadMessagePage, **problems(422)})
def list_messages(query: models.PageQuery) -> dict[str, Any]:
    """The HL7 messages that could not be read and wait, oldest first."""
    last = after(query)
    with services().ledger.read() as connection:
        waiting = unread_messages(connection, after=last or 0, limit=query.limit + 1)
    shown, following = page(waiting, query.limit, lambda message: message.id)
    return {"items": [_message_json(message) for message in shown], "next": following}


@blueprint.post("/work-items/messages/<int:item_id>/claim", responses={200: models.Claimed, **problems(409, 422)})
def claim_message(path: models.ItemPath, body: models.ClaimBody) -> dict[str, Any]:
    """Take an HL7 message for a user of the console."""
    return take(WorkList.MESSAGES, path.item_id, body.user)


@blueprint.post("/work-items/messages/<int:item_id>/done", responses={200: models.Done, **problems(404)})
def complete_message(path: models.ItemPath) -> dict[str, Any]:
    """Mark an HL7 message as handled. The alarm ends with the last one."""
    return finish(WorkList.MESSAGES, path.item_id)


def _message_json(message: UnreadMessage) -> dict[str, Any]:
    return {
        **{name: getattr(message, name) for name in ("id", "appointment_id", "sender", "event", "place")},
        "kind": "message",
        "at": message.received_at.astimezone(config().zone).isoformat(timespec="seconds"),
        "code": message.fault,
        "message": " ".join(map(filled, explanation(message.fault, message.reason))),
    }


def _json(item: WorkItem) -> dict[str, Any]:
    zone = config().zone
    times = {"at": item.at, "starts_at": item.starts_at}
    shown = {name: at.astimezone(zone).isoformat(timespec="seconds") if at else None for name, at in times.items()}
    return {**{name: getattr(item, name) for name in ("id", "kind", "phone", "appointment_id")}, **shown}
