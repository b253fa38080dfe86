"""Webhook forms become typed values, and malformed fields become defined ones."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.carrier.twilio.forms import CallStatusCallback, CallTurn, IncomingText, TextStatusCallback

LINE, CALLER, FORWARDER = "+16035550100", "+16035550123", "+16035550199"
CALL = {"CallSid": "CA1", "From": CALLER, "To": LINE, "Called": LINE, "CallStatus": "in-progress"}
TEXT = {"MessageSid": "SM1", "From": CALLER, "To": LINE, "Body": " Hello ", "NumMedia": "0"}
NEW_CALL = CallTurn("CA1", CALLER, LINE, frozenset({LINE, ""}), "", "", None, True)


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        pytest.param({}, {}, id="a new call"),
        pytest.param({"Digits": "12"}, {"digits": "12"}, id="keys"),
        pytest.param({"SpeechResult": "yes", "Confidence": "NaN"}, {"speech": "yes"}, id="speech"),
        pytest.param({"DialCallStatus": ""}, {"dial_status": ""}, id="a dial without a status"),
        pytest.param(
            {"DialCallStatus": "completed", "DialBridged": "false"},
            {"dial_status": "completed", "bridged": False},
            id="a call picked up and declined",
        ),
        pytest.param(
            {"DialCallStatus": "completed", "DialBridged": "true"}, {"dial_status": "completed"}, id="a call taken"
        ),
        pytest.param(
            {"ForwardedFrom": FORWARDER}, {"own_numbers": frozenset({LINE, FORWARDER})}, id="a forwarded call"
        ),
    ],
)
def test_a_voice_webhook_becomes_a_call_turn(fields: dict[str, str], changed: dict[str, Any]) -> None:
    assert CallTurn.from_form({**CALL, **fields}) == NEW_CALL._replace(**changed)


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        pytest.param({}, {}, id="a plain text"),
        pytest.param({"MessageSid": "", "SmsSid": "SM2"}, {"message_sid": "SM2"}, id="the older name of the id"),
        pytest.param({"OptOutType": "STOP"}, {"opt_out_type": "STOP"}, id="a keyword"),
        pytest.param({"NumMedia": "2"}, {"has_media": True}, id="pictures"),
        pytest.param({"NumMedia": "x"}, {"has_media": True}, id="a count that is not a number"),
        pytest.param({"NumMedia": ""}, {}, id="an empty count"),
    ],
)
def test_a_messaging_webhook_becomes_an_incoming_text(fields: dict[str, str], changed: dict[str, Any]) -> None:
    plain = IncomingText("SM1", CALLER, LINE, " Hello ", "", False)
    assert IncomingText.from_form({**TEXT, **fields}) == plain._replace(**changed)


def test_an_empty_form_is_read_without_an_error() -> None:
    assert CallTurn.from_form({}) == CallTurn("", "", "", frozenset({""}), "", "", None, True)
    assert IncomingText.from_form({}) == IncomingText("", "", "", "", "", False)
    assert TextStatusCallback.from_form({}) == TextStatusCallback("", "", None)
    assert CallStatusCallback.from_form({}) == CallStatusCallback("", "unknown")


ERROR_CODES = [
    ("a code", "30005", 30005),
    ("none", "", None),
    ("a word", "thirty", None),
    ("negative", "-1", None),
    ("digits outside ASCII", "٣٠٠٠٥", None),
    ("seven digits", "9" * 7, 9_999_999),
    ("eight digits", "9" * 8, None),
]


@pytest.mark.parametrize(("code", "number"), [case[1:] for case in ERROR_CODES], ids=[case[0] for case in ERROR_CODES])
def test_an_error_code_is_a_short_number_or_none(code: str, number: int | None) -> None:
    callback = TextStatusCallback.from_form({"MessageStatus": "failed", "SmsSid": "SM" + "a" * 40, "ErrorCode": code})
    assert callback == TextStatusCallback("failed", "SM" + "a" * 32, number)


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        *((status, None) for status in ("queued", "initiated", "ringing", "in-progress")),
        *((status, status) for status in ("completed", "busy", "failed", "no-answer", "canceled")),
        ("something-new", "unknown"),
    ],
)
def test_a_call_status_is_in_progress_ended_or_unknown(status: str, ended: str | None) -> None:
    assert CallStatusCallback.from_form({"CallSid": "CA1", "CallStatus": status}) == CallStatusCallback("CA1", ended)
