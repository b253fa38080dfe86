"""Twilio's webhook forms as typed values. `from_form` never fails: comments give the values of odd or absent fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ivr.carrier.twilio.statuses import CALL_ENDED, CALL_IN_PROGRESS

_SID_LENGTH, _MAX_ERROR_DIGITS = 34, 7


class CallTurn(NamedTuple):
    """One request for a call's TwiML: a new call, or the input or transfer result of an earlier document.

    https://www.twilio.com/docs/voice/twiml#request-parameters
    https://www.twilio.com/docs/voice/twiml/gather#action
    https://www.twilio.com/docs/voice/twiml/dial#action
    """

    call_sid: str  # "" when absent: the turn is answered but not logged
    caller: str  # From: E.164, or a word such as "anonymous"
    called: str  # To: the line's own number
    own_numbers: frozenset[str]  # every number that leads back to the line: To, Called and ForwardedFrom
    digits: str  # keys, "" for none
    speech: str  # SpeechResult, "" for none
    dial_status: str | None  # None unless a <Dial> just ended; not validated
    bridged: bool  # False only if the person who picked up declined the call

    @classmethod
    def from_form(cls, fields: Mapping[str, str]) -> CallTurn:
        get = fields.get
        return cls(
            get("CallSid", ""),
            get("From", ""),
            get("To", ""),
            frozenset((get("To", ""), get("Called", ""), get("ForwardedFrom", ""))),
            get("Digits", ""),
            get("SpeechResult", ""),
            get("DialCallStatus"),
            get("DialBridged") != "false",
        )


class IncomingText(NamedTuple):
    """An incoming text message.

    https://www.twilio.com/docs/messaging/guides/webhook-request
    https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
    """

    message_sid: str  # "" when absent
    sender: str  # From: E.164, a short code, or ""
    to: str
    body: str
    opt_out_type: str  # STOP, START or HELP if Twilio read the text as a keyword, else ""
    has_media: bool  # True unless NumMedia is absent, "" or 0

    @classmethod
    def from_form(cls, fields: Mapping[str, str]) -> IncomingText:
        get = fields.get
        return cls(
            _message_sid(fields),
            get("From", ""),
            get("To", ""),
            get("Body", ""),
            get("OptOutType", ""),
            get("NumMedia", "") not in ("", "0"),
        )


class TextStatusCallback(NamedTuple):
    """The delivery status of a text that we sent.

    https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
    """

    status: str  # not validated
    message_sid: str  # "" when absent
    error_code: int | None  # None when absent or not a number of at most seven digits

    @classmethod
    def from_form(cls, fields: Mapping[str, str]) -> TextStatusCallback:
        code = fields.get("ErrorCode", "")
        is_code = code.isascii() and code.isdigit() and len(code) <= _MAX_ERROR_DIGITS
        return cls(fields.get("MessageStatus", ""), _message_sid(fields)[:_SID_LENGTH], int(code) if is_code else None)


class CallStatusCallback(NamedTuple):
    """The status of a call to the line.

    https://www.twilio.com/docs/voice/api/call-resource#call-status-values
    """

    call_sid: str  # "" when absent
    ended: str | None  # None while the call is in progress, else one of CALL_ENDED or "unknown"

    @classmethod
    def from_form(cls, fields: Mapping[str, str]) -> CallStatusCallback:
        status = fields.get("CallStatus", "")
        ended = None if status in CALL_IN_PROGRESS else status if status in CALL_ENDED else "unknown"
        return cls(fields.get("CallSid", ""), ended)


def _message_sid(fields: Mapping[str, str]) -> str:
    return fields.get("MessageSid", "") or fields.get("SmsSid", "")
