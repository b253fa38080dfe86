"""Twilio's statuses of texts and calls, and what each means to the line."""

from __future__ import annotations

from typing import Literal

ReceiptState = Literal["handed_over", "delivered", "undelivered", "failed"]

# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
STATE_BY_STATUS: dict[str, ReceiptState] = {
    "accepted": "handed_over",
    "scheduled": "handed_over",
    "queued": "handed_over",
    "sending": "handed_over",
    "sent": "handed_over",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "failed",
}
# https://www.twilio.com/docs/voice/api/call-resource#call-status-values
CALL_IN_PROGRESS = frozenset(("queued", "initiated", "ringing", "in-progress"))
CALL_ENDED = frozenset(("completed", "busy", "failed", "no-answer", "canceled"))
# https://www.twilio.com/docs/voice/twiml/dial#action
DIAL_STATUSES = frozenset((*CALL_ENDED, "answered"))
