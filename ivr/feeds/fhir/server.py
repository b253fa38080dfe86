"""One FHIR server: SMART Backend Services for the token, and a search with all of its pages.

https://hl7.org/fhir/smart-app-launch/backend-services.html, https://hl7.org/fhir/R4/http.html#paging
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from ivr.reminders.imports.change_order import parse_sent_at
from ivr.reminders.imports.files.fhir.resources import Resource, object_of, objects_of, text_of
from ivr.setting_rules import is_loopback

_TIMEOUT = (10, 60)
_TRIES = 4
_MAX_WAIT = 60.0
_MAX_PAGES = 10_000
# An answer may take this long to arrive, so a smaller difference between two clocks cannot be measured.
_LATENCY = timedelta(minutes=1)
_MAX_BYTES = 20_000_000
_ASSERTION_LIFE = timedelta(minutes=5)
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_KINDS = ("Appointment", "Patient", "Location")
_ACCEPT = "application/fhir+json"
_CIRCLE = "The pages of the result lead back to themselves, or there are too many."
_WRONG_KEY = "FHIR_KEY must be a private key in PEM without a password: RSA, or EC on P-384."


class FhirError(Exception):
    """The server cannot be used; the message says why, without anything that a patient's record holds."""


@dataclass(frozen=True)
class Client:
    """What the server knows the line by. key: a private key in PEM. key_id: of the public key, at the server."""

    id: str
    key: bytes = field(repr=False)
    key_id: str = ""


@dataclass(frozen=True)
class Page:
    """One page of a result. date: of the answer, by the server's clock; None if it has none. received_at: by ours."""

    bundle: Resource
    date: datetime | None
    received_at: datetime

    @property
    def searched_at(self) -> datetime | None:
        """When the server looked, by its clock: a server that repeats a stored result says so in the Bundle."""
        stored = parse_sent_at(text_of(object_of(self.bundle.get("meta")).get("lastUpdated")))
        return min(filter(None, (self.date, stored)), default=None)

    @property
    def clock_offset(self) -> timedelta:
        """What to add to a time of the server's clock to get ours."""
        offset = self.received_at - self.date if self.date else timedelta()
        return offset if abs(offset) > _LATENCY else timedelta()


class FhirServer:
    """client: None for a server that needs no token. sleep: waits between two tries, in seconds."""

    def __init__(
        self,
        url: str,
        client: Client | None,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base = url.rstrip("/") + "/"
        self._client, self._now, self._sleep = client, now, sleep
        self._session = requests.Session()
        # A .netrc or a proxy of the environment must not change who gets the token.
        self._session.trust_env = False
        self._token = ""
        _check_address(self._base)

    def search(self, kind: str, parameters: Mapping[str, str | list[str]]) -> Iterator[Page]:
        """The pages of a search. Raises FhirError."""
        url = f"{urljoin(self._base, kind)}?{urlencode(parameters, doseq=True)}"
        addresses: set[str] = set()
        contents: set[int] = set()
        while url:
            if url in addresses or len(addresses) >= _MAX_PAGES:
                raise FhirError(_CIRCLE)
            addresses.add(url)
            page = self._page(url)
            # A server may give a page that it gave before a new address.
            content = _content(page.bundle)
            if content in contents:
                raise FhirError(_CIRCLE)
            contents |= {content} if content else set()
            yield page
            url = self._next(url, page.bundle)

    def _page(self, url: str) -> Page:
        response = self._get(url)
        received_at, date = self._now(), _date(response)
        bundle = _json(response)
        if bundle.get("resourceType") != "Bundle":
            raise FhirError("The server answered with something other than a Bundle.")
        return Page(bundle, date, received_at)

    def _next(self, url: str, bundle: Resource) -> str:
        """The address of the next page; empty on the last one. Never another server: it would get the token."""
        links = objects_of(bundle.get("link"))
        address = next((str(link.get("url", "")) for link in links if link.get("relation") == "next"), "")
        if not address:
            return ""
        try:
            target = urljoin(url, address)
            is_here = urlsplit(target)[:2] == urlsplit(self._base)[:2]
        except ValueError:
            raise FhirError("The address of the next page is not valid.") from None
        if not is_here:
            raise FhirError("The next page is on another server.")
        return target

    def _get(self, url: str) -> requests.Response:
        response = self._send("GET", url, headers=self._headers())
        if response.status_code == 401 and self._client:
            # The token has expired.
            self._token = ""
            response = self._send("GET", url, headers=self._headers())
        return response

    def _headers(self) -> dict[str, str]:
        if self._client and not self._token:
            self._token = self._new_token(self._client)
        return {"Accept": _ACCEPT, **({"Authorization": f"Bearer {self._token}"} if self._token else {})}

    def _new_token(self, client: Client) -> str:
        configuration = _json(self._send("GET", urljoin(self._base, ".well-known/smart-configuration")))
        endpoint = configuration.get("token_endpoint")
        if not isinstance(endpoint, str):
            raise FhirError("The server names no token_endpoint in .well-known/smart-configuration.")
        _check_address(endpoint)
        supported = configuration.get("scopes_supported")
        # Version 2 of SMART writes .rs; a server that lists neither gets the older form.
        suffix = "rs" if isinstance(supported, list) and any(str(one).endswith(".rs") for one in supported) else "read"
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(f"system/{kind}.{suffix}" for kind in _KINDS),
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._assertion(client, endpoint),
        }
        token = _json(self._send("POST", endpoint, data=form)).get("access_token")
        if not isinstance(token, str) or not token:
            raise FhirError("The server gave no access_token.")
        return token

    def _assertion(self, client: Client, endpoint: str) -> str:
        claims = {
            "iss": client.id,
            "sub": client.id,
            "aud": endpoint,
            "jti": secrets.token_urlsafe(24),
            "exp": int((self._now() + _ASSERTION_LIFE).timestamp()),
        }
        kind, algorithm = _key_type(client.key)
        header = {"alg": algorithm, "typ": "JWT", **({"kid": client.key_id} if client.key_id else {})}
        try:
            return jwt.encode(header, claims, import_key(client.key, kind), algorithms=[algorithm])
        except (JoseError, ValueError) as error:
            raise FhirError(_WRONG_KEY) from error

    def _send(self, method: str, url: str, **more: Any) -> requests.Response:
        """Send a request, up to four times while the server is busy or broken."""
        wait = 1.0
        for attempt in range(1, _TRIES + 1):
            try:
                response = self._session.request(
                    method, url, timeout=_TIMEOUT, allow_redirects=False, stream=True, **more
                )
                problem = f"The server answered {response.status_code}."
                if response.status_code != 429 and response.status_code < 500:
                    return response
                wait = _retry_after(response, wait)
                response.close()
            except requests.RequestException as error:
                problem = f"The server does not answer ({type(error).__name__})."
            if attempt < _TRIES:
                self._sleep(wait)
                wait = min(2 * wait, _MAX_WAIT)
        raise FhirError(problem)


def _key_type(pem: bytes) -> tuple[Literal["EC", "RSA"], str]:
    """The type of a private key, and the algorithm that SMART prescribes for it. Raises FhirError."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise FhirError(_WRONG_KEY) from error
    if isinstance(key, RSAPrivateKey):
        return "RSA", "RS384"
    if isinstance(key, EllipticCurvePrivateKey):
        return "EC", "ES384"
    raise FhirError(_WRONG_KEY)


def _check_address(url: str) -> None:
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        raise FhirError("The address is not valid.") from None
    if scheme != "https" and not (scheme == "http" and is_loopback(url)):
        raise FhirError("The address must start with https:// because patients' records are sent over it.")


def _date(response: requests.Response) -> datetime | None:
    """The header Date; None if it is missing or no time."""
    try:
        date = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return date.astimezone(UTC) if date.tzinfo else None


def _content(bundle: Resource) -> int:
    """A number for the resources of a page, by their types and ids; 0 if none of them has an id."""
    entries = bundle.get("entry")
    listed = (
        [entry.get("resource") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )
    resources = [resource for resource in listed if isinstance(resource, dict) and resource.get("id")]
    names = {(str(resource.get("resourceType")), str(resource["id"])) for resource in resources}
    return hash(frozenset(names)) if names else 0


def _retry_after(response: requests.Response, wait: float) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), _MAX_WAIT) if text.isdecimal() else wait


def _json(response: requests.Response) -> Resource:
    """The object in a response. Raises FhirError for an error, for HTML, and for more than 20 MB."""
    with response:
        if response.status_code != 200:
            raise FhirError(f"The server answered {response.status_code}.")
        body = bytearray()
        try:
            for chunk in response.iter_content(1 << 16):
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise FhirError("A page of the result has more than 20 MB.")
        except requests.RequestException as error:
            raise FhirError(f"The server does not answer ({type(error).__name__}).") from None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise FhirError("The server answered with something other than JSON, such as a sign-in page.") from None
    if not isinstance(value, dict):
        raise FhirError("The server answered with something other than a FHIR resource.")
    return value
