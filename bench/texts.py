"""An incoming text message, including its ledger writes, against a bare Flask route in the same run."""

from __future__ import annotations

import argparse
import itertools
import secrets
from collections.abc import Iterator

from bench.imports import AREAS
from bench.support.carrier import FIELDS as CALL_FIELDS
from bench.support.carrier import request
from bench.voice import ROUNDS, SECONDS, TOKEN, compare

TARGETS = ("bare", "line")
# Of the texts a second of a bare route.
ASKED = 0.6
# Mostly a number or a few words; occasionally a message whose effect must be written before the reply.
BODIES = (
    *("1", "5", "can i wear deodorant", "6", "is it cancer", "2", "hola", "what is next", "4", "hi"),
    *("7", "3", "C", "1", "is it cancer", "5", "6", "2", "what do they look for", "stop texting me"),
)
_SHARED = "AccountSid ApiVersion FromCity FromCountry FromState FromZip To ToCity ToCountry ToState ToZip"
FIELDS = {
    **{name: CALL_FIELDS[name] for name in _SHARED.split()},
    "MessagingServiceSid": "MG" + "4" * 32,
    "NumMedia": "0",
    "NumSegments": "1",
    "SmsStatus": "received",
}


def main(_options: argparse.Namespace) -> int:
    ratios = []
    for workers in (1, 2):
        print(f"\ntexts, {workers} worker{'s' if workers > 1 else ''}: {ROUNDS} rounds of {SECONDS:.0f} s, medians")
        medians = compare(workers, TARGETS, text_requests, TOKEN)
        ratios.append(medians["line"] / medians["bare"])
        print(f"line / bare: {ratios[-1]:.2f} (target: at least {ASKED})")
    return int(min(ratios) < ASKED)


def text_requests(port: int, auth_token: str = TOKEN) -> Iterator[bytes]:
    base = f"http://127.0.0.1:{port}"
    start = secrets.randbelow(len(AREAS) * 100)
    for number, body in zip(itertools.count(start), itertools.cycle(BODIES), strict=False):
        sid = "SM" + secrets.token_hex(16)
        sender = f"+1{AREAS[number // 100 % len(AREAS)]}55501{number % 100:02}"
        yield request(
            base, "/sms", {**FIELDS, "Body": body, "From": sender, "MessageSid": sid, "SmsSid": sid}, auth_token
        )
