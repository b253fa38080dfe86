"""Status callbacks. The attempt in the address is ours, so a receipt finds its text without a number."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Response, abort
from sqlalchemy import Connection

from ivr import clock
from ivr.ledger import LedgerUnavailable, Vault
from ivr.reminders.outbox.receipts import Receipt, apply_receipt, apply_receipt_in
from ivr.web.services import services
from ivr.web.webhook import form, signed_blueprint

blueprint = signed_blueprint("receipts", __name__)
_ATTEMPT = re.compile(r"[0-9a-f]{32}$")
# https://www.twilio.com/docs/voice/api/call-resource#call-status-values
_GOES_ON = ("queued", "initiated", "ringing", "in-progress")
_ENDS = ("completed", "busy", "failed", "no-answer", "canceled")


@blueprint.post("/receipts/text/<attempt>")
def text_receipt(attempt: str) -> Response:
    """204 when taken in, also a second time, or kept for a ledger that is away; 404 for an attempt that is not ours."""
    if not _ATTEMPT.match(attempt):
        abort(404)
    fields, here, now = form(), services(), clock.now()
    code = fields.get("ErrorCode", "")
    receipt = Receipt(
        attempt=attempt,
        status=fields.get("MessageStatus", ""),
        sid=(fields.get("MessageSid", "") or fields.get("SmsSid", ""))[:34],
        code=int(code) if code.isascii() and code.isdigit() and len(code) < 8 else None,
    )
    try:
        known = apply_receipt(here.ledger, here.vault, receipt, now)
    except LedgerUnavailable:
        known = here.kept.keep("receipt", now, **asdict(receipt))
        return Response(status=204 if known else 503)
    return Response(status=204 if known else 404)


def replay_receipt(connection: Connection, vault: Vault, at: datetime, told: dict[str, Any]) -> None:
    """A receipt that came while the ledger was away."""
    apply_receipt_in(connection, vault, Receipt(**told), at)


@blueprint.post("/receipts/call/<attempt>")
def call_receipt(attempt: str) -> Response:
    """How a call to the line ended; a number's "call status changes" address is /receipts/call/incoming. 204."""
    if attempt != "incoming":
        abort(404)
    fields = form()
    status = fields.get("CallStatus", "")
    if status not in _GOES_ON:
        ended = status if status in _ENDS else "unknown"
        # A call ends once: told again, even in another request, it is the same row.
        services().calls.note(fields.get("CallSid", ""), "", "", f"end:{ended}", "the end")
    return Response(status=204)
