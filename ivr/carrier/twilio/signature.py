"""Whether a webhook comes from our carrier.

The HMAC over the exact address decides nearly always, in a few microseconds; what it refuses goes to the
official validator, which also knows the port variants. What the official validator accepts, and nothing
else, is accepted. https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from urllib.parse import parse_qs, urlparse

from twilio.request_validator import RequestValidator

Fields = Sequence[tuple[str, str]]


def is_signed(url: str, fields: Fields | str, signature: str, tokens: Iterable[str]) -> bool:
    """Whether `signature` is the carrier's over a request.

    url: the exact public address with its query. fields: the POST fields in any order, untrimmed, or the
    raw body when it is not a form. tokens: one auth token, or two during a rotation.
    """
    if not signature:
        return False
    return any(_fits(url, fields, signature, token) for token in tokens if token)


def _fits(url: str, fields: Fields | str, signature: str, token: str) -> bool:
    try:
        if isinstance(fields, str):
            return _official(url, fields, signature, token)
        if hmac.compare_digest(sign(url, fields, token), _ascii(signature)) and _is_plain(url):
            return True
        return _official(url, _Form(fields), signature, token)
    except ValueError:
        # An address that cannot be taken apart, or words that cannot be encoded, are not the carrier's.
        return False


def _official(url: str, fields: _Form | str, signature: str, token: str) -> bool:
    if isinstance(fields, str) and fields and "bodySHA256" not in parse_qs(urlparse(url).query):
        # The official validator has no rule for a body that is no form and no hash, and fails on it.
        return False
    return bool(RequestValidator(token).validate(url, fields, signature))


def sign(url: str, fields: Fields, token: str) -> bytes:
    """base64(HMAC-SHA1(token, url + every field sorted by name, name + value)); equal pairs count once."""
    pairs = sorted(fields)
    if len(dict(pairs)) < len(pairs):
        pairs = sorted(set(pairs))
    signed = url + "".join(chain.from_iterable(pairs))
    code = _keyed(token).copy()
    code.update(signed.encode())
    return base64.b64encode(code.digest())


@lru_cache(maxsize=8)
def _keyed(token: str) -> hmac.HMAC:
    """A token's HMAC before the first byte.

    Copies of it keep hold of the interpreter, where hmac.digest() lets go of it, and then waits for other threads.
    """
    return hmac.new(token.encode(), digestmod="sha1")


@lru_cache(maxsize=1024)
def _is_plain(url: str) -> bool:
    """Whether the official validator signs an address as it stands."""
    return urlparse(url).geturl() == url


def _ascii(words: str) -> bytes:
    return words.encode("ascii", "replace")


class _Form(dict[str, str]):
    """Fields as the official validator reads them: a mapping that may hold a name more than once."""

    def __init__(self, fields: Fields) -> None:
        super().__init__(fields)
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            self._values.setdefault(name, []).append(value)

    def getlist(self, name: str) -> list[str]:
        return self._values[name]
