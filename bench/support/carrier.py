"""The signed form, with thirty fields, that the carrier posts at each turn of a call."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import urlencode

# Replaced by a token of the same length. The signature does not cover this header.
TOKEN_MARK = b"00000000-token"
FIELDS = {
    "AccountSid": "AC" + "1" * 32,
    "ApiVersion": "2010-04-01",
    "CallSid": "CA" + "2" * 32,
    "CallStatus": "in-progress",
    "CallToken": "%7B%22parentCallInfoToken%22%3A%22" + "e" * 300 + "%22%7D",
    "Called": "+16035550100",
    "CalledCity": "MANCHESTER",
    "CalledCountry": "US",
    "CalledState": "NH",
    "CalledZip": "03101",
    "Caller": "+16035550123",
    "CallerCity": "NASHUA",
    "CallerCountry": "US",
    "CallerState": "NH",
    "CallerZip": "03060",
    "Digits": "1",
    "Direction": "inbound",
    "FinishedOnKey": "",
    "From": "+16035550123",
    "FromCity": "NASHUA",
    "FromCountry": "US",
    "FromState": "NH",
    "FromZip": "03060",
    "To": "+16035550100",
    "ToCity": "MANCHESTER",
    "ToCountry": "US",
    "ToState": "NH",
    "ToZip": "03101",
    "msg": "Gather End",
}


def signature(url: str, fields: dict[str, str], auth_token: str) -> str:
    """The X-Twilio-Signature of a request: https://www.twilio.com/docs/usage/security#validating-requests"""
    payload = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.digest(auth_token.encode(), payload.encode(), "sha1")).decode()


def request(base: str, path: str, fields: dict[str, str], auth_token: str) -> bytes:
    """An HTTP request for one turn, with TOKEN_MARK as its token. base: the public URL; path: with its query."""
    body = urlencode(fields).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {base.partition('://')[2]}\r\n"
        f"X-Twilio-Signature: {signature(base + path, fields, auth_token)}\r\n"
        f"I-Twilio-Idempotency-Token: {TOKEN_MARK.decode()}\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
        f"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def with_token(template: bytes, number: int) -> bytes:
    """A request with its own idempotency token, from one with TOKEN_MARK."""
    return template.replace(TOKEN_MARK, b"%08x-token" % number, 1)
