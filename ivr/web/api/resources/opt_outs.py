"""Opt-outs of a number, which is in the body, so that it is in no URL and no log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ivr import clock
from ivr.people.audit import AuditKind, person_id
from ivr.people.phones import PhoneNumber, parse_phone
from ivr.reminders.imports.errors import row_error
from ivr.reminders.reports.manual import ManualActions, opt_out_of
from ivr.web.api import models
from ivr.web.api.context import audit, config, ledger, services
from ivr.web.api.documentation import problems, resource
from ivr.web.api.gate import SCHEDULERS
from ivr.web.api.problems import ProblemError

blueprint = resource("opt_outs", "Opt-outs")
ACCESS = {"opt_outs.look_up": SCHEDULERS, "opt_outs.change": SCHEDULERS}


@blueprint.post("/opt-outs/lookup", responses={200: models.OptOut, **problems(422)})
def look_up(body: models.PhoneBody) -> dict[str, Any]:
    """Whether a number has opted out of reminders."""
    phone, shared = _phone(body.phone), services()
    with ledger().write() as connection:
        person = person_id(connection, shared.vault, phone)
        audit(connection, AuditKind.PERSON_READ, person=person)
        opted_out = opt_out_of(connection, person, config().zone) if person else None
    return {"state": "out", **opted_out} if opted_out else {"state": "in", "since": None, "source": None}


@blueprint.post("/opt-outs", responses={200: models.OptOutResult, **problems(422)})
def change(body: models.OptOutBody) -> dict[str, Any]:
    """Opt a number out of reminders, or in again. The reason is kept as evidence."""
    phone, shared = _phone(body.phone), services()
    kind = AuditKind.OPTED_OUT if body.state == "out" else AuditKind.OPTED_IN

    def record(connection: Connection) -> None:
        audit(connection, kind, person=person_id(connection, shared.vault, phone))

    actions = ManualActions(ledger(), shared.vault, config(), record)
    if body.state == "out":
        changed = actions.stop(phone, body.reason, clock.now())
    else:
        changed = actions.start(phone, body.reason, clock.now()) is not None
    return {"state": body.state, "changed": changed}


def _phone(text: str) -> str:
    parsed = parse_phone(text, config().reminders.countries)
    if isinstance(parsed, PhoneNumber):
        return parsed.e164
    error = row_error(0, "phone", parsed)
    fault = {"field": "phone", "code": error.code, "message": error.message}
    raise ProblemError(error.code, detail=error.message, errors=[fault])
