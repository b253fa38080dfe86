"""Whether a webhook comes from our carrier.

The HMAC over the exact address decides nearly always, in a few microseconds; what it refuses goes to the
official validator, which also knows the port variants. What the official validator accepts, and nothing
else, is accepted. https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Sequence

from twilio.request_validator import RequestValidator

Fields = Sequence[tuple[str, str]]


def is_signed(url: str, fields: Fields | str, signature: str, tokens: Iterable[str]) -> bool:
    """Whether `signature` is the carrier's over a request.

    url: the exact public address with its query. fields: the POST fields in any order, untrimmed, or the
    raw body when it is not a form. tokens: one auth token, or two during a rotation.
    """
    if not signature:
        return False
    return any(_fits(url, fields, signature, token) for token in tokens)


def _fits(url: str, fields: Fields | str, signature: str, token: str) -> bool:
    if not isinstance(fields, str) and hmac.compare_digest(sign(url, fields, token), _ascii(signature)):
        return True
    validator = RequestValidator(token)
    if isinstance(fields, str):
        return bool(validator.validate(url, fields, signature))
    return bool(validator.validate(url, _Form(fields), signature))


def sign(url: str, fields: Fields, token: str) -> bytes:
    """base64(HMAC-SHA1(token, url + every field sorted by name, name + value)); equal pairs count once."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1"))


def _ascii(words: str) -> bytes:
    return words.encode("ascii", "replace")


class _Form(dict[str, str]):
    """Fields as the official validator reads them: a mapping that may hold a name more than once."""

    def __init__(self, fields: Fields) -> None:
        super().__init__(fields)
        self._fields = fields

    def getlist(self, name: str) -> list[str]:
        return [value for known, value in self._fields if known == name]
