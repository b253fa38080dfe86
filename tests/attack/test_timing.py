"""What the time of an answer could tell: whichever key a stranger tries, the same work is done.

Signing in is in tests/web/console/security/test_sign_in_attacks.py, with the hashes of passwords counted.
"""

from __future__ import annotations

import hmac
from collections import Counter
from datetime import timedelta

import pytest

from ivr.carrier.twilio import signature
from ivr.ledger import Ledger
from ivr.staff import api_keys
from ivr.staff.api_keys import add_api_key, find_api_key, revoke_api_key
from ivr.staff.users import Role
from tests.support.clinic import NOW

URL, FIELDS = "https://line.example.org/sms", [("Body", "STOP")]


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a secret was hashed, and compared in constant time."""
    counted: Counter[str] = Counter()
    hash_secret, compare = api_keys._hash, hmac.compare_digest

    def counting_hash(secret: str) -> str:
        counted["hashed"] += 1
        return hash_secret(secret)

    def counting_compare(one: str | bytes, other: str | bytes) -> bool:
        counted["compared"] += 1
        counted["bytes"] += len(one)
        return compare(one, other)  # type: ignore[type-var]

    monkeypatch.setattr(api_keys, "_hash", counting_hash)
    monkeypatch.setattr(hmac, "compare_digest", counting_compare)
    return counted


KINDS = ("right", "wrong secret", "unknown id", "revoked", "expired", "no key", "empty", "huge")


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_the_api_costs_one_hash_and_one_comparison(ledger: Ledger, work: Counter[str], kind: str) -> None:
    with ledger.write() as connection:
        right, revoked = (add_api_key(connection, name, Role.SCHEDULER, NOW) for name in ("Epic", "Cerner"))
        expired = add_api_key(connection, "Meditech", Role.SCHEDULER, NOW - timedelta(days=9), 1)
        revoke_api_key(connection, revoked.key.id, NOW)
    secret = right.text.split("_", 2)[2]
    sent = {
        "right": right.text,
        "wrong secret": right.text[:-4] + "AAAA",
        "unknown id": f"infoline_999_{secret}",
        "revoked": revoked.text,
        "expired": expired.text,
        "no key": "Basic YTpi",
        "empty": "",
        "huge": "infoline_1_" + "A" * 100_000,
    }[kind]
    work.clear()
    with ledger.read() as connection:
        found = find_api_key(connection, sent, NOW)
    assert (found is not None) is (kind == "right")
    assert (work["hashed"], work["compared"], work["bytes"]) == (1, 1, 64)


def test_a_signature_is_compared_in_constant_time_however_much_of_it_is_right(work: Counter[str]) -> None:
    right = signature.compute_signature(URL, FIELDS, "token").decode()
    assert signature.is_signed(URL, FIELDS, right, ["token"])
    costs = set()
    for wrong in ("A" * 28, right[:-2] + "A=", "", "A" * 10_000):
        work.clear()
        assert not signature.is_signed(URL, FIELDS, wrong, ["token"])
        if wrong:
            costs.add(work["compared"])
    assert len(costs) == 1
    assert costs.pop() >= 1
