"""What call-back requests and work items share: taking one in the name of a user, and marking it as done."""

from __future__ import annotations

from typing import Any

from ivr import clock
from ivr.people.audit import AuditKind
from ivr.people.callbacks import complete_callback
from ivr.people.work_claims import Claimant, WorkList, claim
from ivr.people.work_items import complete_work_item
from ivr.staff.users import user_by_email
from ivr.web.api.context import audit, ledger, staff_name
from ivr.web.api.problems import ProblemError

_COMPLETE = {WorkList.CALLBACKS: complete_callback, WorkList.ITEMS: complete_work_item}


def take(work: WorkList, item_id: int, email: str) -> dict[str, Any]:
    """Take an item for a user of the console, where colleagues see who has it."""
    with ledger().write() as connection:
        user = user_by_email(connection, email)
        if user is None or not user.active:
            raise ProblemError("user_unknown")
        if not claim(connection, work, item_id, Claimant(user.id, user.name), clock.now()):
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
    is_callback = work is WorkList.CALLBACKS
    return {"callback": item_id if is_callback else None, "todo": None if is_callback else item_id, "message": None}
