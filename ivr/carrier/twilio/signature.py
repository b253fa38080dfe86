"""Validates the signature of Twilio's webhooks.

An HMAC over the exact URL accepts nearly every request in a few microseconds. The rest go to Twilio's own validator,
which also tries the URL with and without a port. The result always equals that of Twilio's validator.
https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from urllib.parse import parse_qs, urlparse

from twilio.request_validator import RequestValidator

# The names of Twilio's request headers in a WSGI environment. The idempotency token is the same when Twilio retries a
# request: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
SIGNATURE_HEADER, IDEMPOTENCY_HEADER = "HTTP_X_TWILIO_SIGNATURE", "HTTP_I_TWILIO_IDEMPOTENCY_TOKEN"
Fields = Sequence[tuple[str, str]]


def is_signed(url: str, fields: Fields | str, signature: str, tokens: Iterable[str]) -> bool:
    """Return whether `signature` is Twilio's signature of a request.

    url: the exact public URL with its query. fields: the POST fields in any order, untrimmed, or the raw body of a
    request that is not a form. tokens: one auth token, or two during a rotation.
    """
    return bool(signature) and any(_matches(url, fields, signature, token) for token in tokens if token)


def _matches(url: str, fields: Fields | str, signature: str, token: str) -> bool:
    try:
        if isinstance(fields, str):
            return _official(url, fields, signature, token)
        given = signature.encode("ascii", "replace")
        if hmac.compare_digest(compute_signature(url, fields, token), given) and _is_canonical(url):
            return True
        return _official(url, _Form(fields), signature, token)
    except ValueError:
        # Twilio sends no URL that cannot be parsed and no text that cannot be encoded.
        return False


def _official(url: str, fields: _Form | str, signature: str, token: str) -> bool:
    if isinstance(fields, str) and fields and "bodySHA256" not in parse_qs(urlparse(url).query):
        # Twilio's validator raises an exception for a body that is neither a form nor hashed in the URL.
        return False
    return bool(RequestValidator(token).validate(url, fields, signature))


def compute_signature(url: str, fields: Fields, token: str) -> bytes:
    """Return base64(HMAC-SHA1(token, url + each name + value, sorted by name)); equal pairs count once."""
    pairs = sorted(fields)
    if len(dict(pairs)) < len(pairs):
        pairs = sorted(set(pairs))
    signed = url + "".join(chain.from_iterable(pairs))
    code = _keyed_hmac(token).copy()
    code.update(signed.encode())
    return base64.b64encode(code.digest())


@lru_cache(maxsize=8)
def _keyed_hmac(token: str) -> hmac.HMAC:
    """Return an HMAC to copy. Unlike hmac.digest(), a copy keeps the GIL, so it need not wait for other threads."""
    return hmac.new(token.encode(), digestmod="sha1")


@lru_cache(maxsize=1024)
def _is_canonical(url: str) -> bool:
    """Return whether Twilio's validator signs the URL unchanged."""
    return urlparse(url).geturl() == url


class _Form(dict[str, str]):
    """Fields as Twilio's validator expects them: a mapping in which a name may occur more than once."""

    def __init__(self, fields: Fields) -> None:
        super().__init__(fields)
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            self._values.setdefault(name, []).append(value)

    def getlist(self, name: str) -> list[str]:
        return self._values[name]
