"""What call-back requests, work items, and HL7 messages share: taking one in the name of a user, and completing it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ivr import clock
from ivr.feeds.unread import complete as complete_messages
from ivr.feeds.unread import is_unread_message
from ivr.people.audit import AuditKind
from ivr.people.callbacks import complete_callback
from ivr.people.work_claims import Claimant, WorkList, claim
from ivr.people.work_items import complete_work_item
from ivr.staff.users import user_by_email
from ivr.web.api.context import audit, ledger, staff_name
from ivr.web.api.problems import ProblemError

_SUBJECTS = {WorkList.CALLBACKS: "callback", WorkList.ITEMS: "todo", WorkList.MESSAGES: "message"}


def _complete_message(connection: Connection, message_id: int, by: str, now: datetime) -> bool:
    return bool(complete_messages(connection, [message_id], by, now))


_COMPLETE = {
    WorkList.CALLBACKS: complete_callback,
    WorkList.ITEMS: complete_work_item,
    WorkList.MESSAGES: _complete_message,
}


def take(work: WorkList, item_id: int, email: str) -> dict[str, Any]:
    """Take an item for a user of the console, where colleagues see who has it."""
    with ledger().write() as connection:
        user = user_by_email(connection, email)
        if user is None or not user.active:
            raise ProblemError("user_unknown")
        # Of messages, the table has more than those that are work items.
        is_item = work is not WorkList.MESSAGES or is_unread_message(connection, item_id)
        if not is_item or not claim(connection, work, item_id, Claimant(user.id, user.name), clock.now()):
            raise ProblemError("work_taken")
        audit(connection, AuditKind.WORK_CLAIMED, **_subject(work, item_id))
    return {"id": item_id, "claimed_by": user.name}


def finish(work: WorkList, item_id: int) -> dict[str, Any]:
    """Mark an item as done, whoever has taken it."""
    with ledger().write() as connection:
        if not _COMPLETE[work](connection, item_id, staff_name(), clock.now()):
            raise ProblemError("not_found", detail="No item with this id is waiting: read the list again.")
        audit(connection, AuditKind.WORK_DONE, **_subject(work, item_id))
    return {"id": item_id, "done": True}


def _subject(work: WorkList, item_id: int) -> dict[str, int | None]:
    return {name: item_id if each is work else None for each, name in _SUBJECTS.items()}
