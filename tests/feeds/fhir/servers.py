"""A FHIR server with the shapes of the answers of HAPI and of SMART sandboxes, on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import import_key

from tests.support.clinic import NOW

TODAY = f"ge{NOW:%Y-%m-%d}"
Answer = tuple[int, dict[str, str], bytes]


def appointment(
    number: int, start: str = "2026-12-08T10:30:00-05:00", status: str = "booked", changed: datetime | None = None
) -> dict:
    """changed: as meta.lastUpdated."""
    actors = (f"Patient/p{number}", "Location/elliot")
    return {
        "resource": {
            "resourceType": "Appointment",
            "id": f"A{number}",
            **({"meta": {"lastUpdated": changed.isoformat()}} if changed else {}),
            "status": status,
            "start": start,
            "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
        }
    }


def patient(number: int) -> dict:
    telecom = [{"system": "phone", "use": "mobile", "value": f"603-555-01{number:02}"}]
    return {
        "resource": {"resourceType": "Patient", "id": f"p{number}", "telecom": telecom},
        "search": {"mode": "include"},
    }


LOCATION = {"resource": {"resourceType": "Location", "id": "elliot", "name": "Elliot Hospital"}}


def bundle(*entries: dict, following: str = "") -> Answer:
    """A page of a result. following: the address of the next one."""
    links = [{"relation": "self", "url": "?"}, *([{"relation": "next", "url": following}] if following else [])]
    value = {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": list(entries)}
    return 200, {"Content-Type": "application/fhir+json"}, json.dumps(value).encode()


@dataclass
class FakeServer:
    """answer: of a search, given its parameters; later windows of a first pull are empty unless `has_windows`.

    pem: the private key of the client that may sign in. clock: what the header Date says; None sends none.
    """

    answer: Callable[[dict[str, list[str]]], Answer]
    url: str = ""
    token: str = "token-1"
    searches: list[dict[str, list[str]]] = field(default_factory=list)
    grants: list[dict[str, list[str]]] = field(default_factory=list)
    pem: bytes = generate_private_key(SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    needs_token: bool = True
    clock: Callable[[], datetime] | None = None
    has_windows: bool = False

    def get(self, path: str, authorization: str | None) -> Answer:
        target = urlsplit(path)
        if target.path.endswith("/.well-known/smart-configuration"):
            found = {"token_endpoint": f"{self.url}/token", "scopes_supported": ["system/Appointment.rs"]}
            return 200, {}, json.dumps(found).encode()
        if self.needs_token and authorization != f"Bearer {self.token}":
            return 401, {}, b""
        query = parse_qs(target.query)
        if not self.has_windows and query.get("date", [TODAY])[0] != TODAY:
            return bundle()
        self.searches.append(query)
        return self.answer(query)

    def grant(self, body: bytes) -> Answer:
        form = parse_qs(body.decode())
        self.grants.append(form)
        decoded = jwt.decode(form["client_assertion"][0], import_key(self.pem, "EC"), algorithms=["ES384"])
        assert decoded.claims["aud"] == f"{self.url}/token"
        assert decoded.claims["iss"] == decoded.claims["sub"] == "infoline"
        assert (decoded.header["kid"], decoded.header["typ"]) == ("k1", "JWT")
        return 200, {}, json.dumps({"access_token": self.token, "token_type": "bearer", "expires_in": 300}).encode()


@contextmanager
def running(fake: FakeServer) -> Iterator[FakeServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._write(fake.get(self.path, self.headers["Authorization"]))

        def do_POST(self) -> None:
            self._write(fake.grant(self.rfile.read(int(self.headers["Content-Length"]))))

        def _write(self, answer: Answer) -> None:
            status, headers, body = answer
            self.send_response_only(status)
            dated = {"Date": format_datetime(fake.clock(), usegmt=True)} if fake.clock else {}
            for name, value in {**dated, **headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}/fhir"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
