"""Status callbacks. The attempt in the address is ours, so a receipt finds its text without a number."""

from __future__ import annotations

import re

from flask import Response, abort

from ivr import clock, log
from ivr.ledger import LedgerAway
from ivr.reminders.receipts import take_receipt
from ivr.web.carrier_door import carrier_door, form
from ivr.web.services import services

door = carrier_door("receipts", __name__)
_ATTEMPT = re.compile(r"[0-9a-f]{32}$")
# https://www.twilio.com/docs/voice/api/call-resource#call-status-values
_GOES_ON = ("queued", "initiated", "ringing", "in-progress")
_ENDS = ("completed", "busy", "failed", "no-answer", "canceled")


@door.post("/receipts/text/<attempt>")
def text_receipt(attempt: str) -> Response:
    """204 when taken in, also a second time; 404 for an attempt that is not ours; 503 while the ledger is away."""
    if not _ATTEMPT.match(attempt):
        abort(404)
    fields, here = form(), services()
    code = fields.get("ErrorCode", "")
    sid = fields.get("MessageSid", "") or fields.get("SmsSid", "")
    try:
        known = take_receipt(
            here.ledger,
            here.vault,
            attempt,
            fields.get("MessageStatus", ""),
            sid[:34],
            int(code) if code.isascii() and code.isdigit() and len(code) < 8 else None,
            clock.now(),
        )
    except LedgerAway:
        log.get().error("receipt_not_taken")
        return Response(status=503)
    return Response(status=204 if known else 404)


@door.post("/receipts/call/<attempt>")
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
