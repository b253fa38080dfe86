"""Status callbacks of texts and calls. The attempt id in the URL identifies a text without its phone number."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, g, request
from sqlalchemy import Connection

from ivr import clock
from ivr.carrier.twilio.forms import CallStatusCallback, TextStatusCallback
from ivr.ledger import LedgerUnavailable, Vault
from ivr.reminders.outbox.receipts import Receipt, apply_receipt, apply_receipt_in
from ivr.web.events import CALLS
from ivr.web.services import services
from ivr.web.webhooks.webhook import verify_request

blueprint = Blueprint("receipts", __name__)
_ATTEMPT = re.compile(r"[0-9a-f]{32}$")


@blueprint.before_request
def _check_signature() -> None:
    g.form = verify_request(request.environ, services().settings).fields


@blueprint.post("/receipts/text/<attempt>")
def text_receipt(attempt: str) -> Response:
    """Return 204 if applied, repeated or spooled; 404 for an unknown attempt; 503 if the spool failed."""
    if not _ATTEMPT.match(attempt):
        abort(404)
    callback, shared, now = TextStatusCallback.from_form(g.form), services(), clock.now()
    receipt = Receipt(attempt=attempt, status=callback.status, sid=callback.message_sid, code=callback.error_code)
    try:
        applied = apply_receipt(shared.ledger, shared.vault, receipt, now)
    except LedgerUnavailable:
        return Response(status=204 if shared.spool.save("receipt", now, **asdict(receipt)) else 503)
    if applied is None:
        return Response(status=404)
    if applied.delay is not None:
        shared.requests.note_receipt(applied.delay)
    return Response(status=204)


def replay_receipt(connection: Connection, vault: Vault, at: datetime, data: dict[str, Any]) -> None:
    """Apply a spooled receipt."""
    apply_receipt_in(connection, vault, Receipt(**data), at)


@blueprint.post("/receipts/call/<attempt>")
def call_receipt(attempt: str) -> Response:
    """Log how a call ended. Twilio's "call status changes" URL of a number is /receipts/call/incoming."""
    if attempt != "incoming":
        abort(404)
    callback = CallStatusCallback.from_form(g.form)
    if callback.ended:
        services().requests.note(CALLS, "ended", callback.ended)
        services().call_limit.end(callback.call_sid)
        # A call ends once, so a constant request token makes repeated reports one row.
        services().calls.note(callback.call_sid, "", "", f"end:{callback.ended}", "the end")
    return Response(status=204)
