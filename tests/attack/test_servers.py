"""Addresses that a system with a key or another server names: the line asks none that is inside."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ivr.feeds.fhir.server import FhirError, FhirServer
from tests.attack.target import Target
from tests.support.clinic import NOW

WEBHOOKS = [
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/",
    "https://127.0.0.1/",
    "https://localhost/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://10.0.0.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://127.1/",
    "https://017700000001/",
    "https://ehr.example.org@127.0.0.1/",
    "https://127.0.0.1#@ehr.example.org/",
    "https://127.0.0.1\\@ehr.example.org/",
    "https://ehr.example.org:22/",
    "https://localtest.me/",
    "https://127.0.0.1.nip.io/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "https://ehr.example.org\r\nHost: 127.0.0.1/",
]


@pytest.mark.processes
def test_no_webhook_leads_inside(target: Target) -> None:
    """Which hosts may be asked is a setting, and none is set."""
    before = target.ledger_rows()["webhook"]
    for url in WEBHOOKS:
        body = json.dumps({"url": url, "events": ["appointment.confirmed"]}).encode()
        assert target.api("POST", "/webhooks", body)[0] == 422, url
    assert target.ledger_rows()["webhook"] == before
    assert target.crashes() == []


@contextmanager
def server(answer: object) -> Iterator[tuple[str, list[str]]]:
    """A server that gives one JSON answer to everything, or a redirect: (its URL, what it was asked)."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if isinstance(answer, str):
                self.send_response(302)
                self.send_header("Location", answer)
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.004,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()


def fault_of(url: str) -> str:
    with pytest.raises(FhirError) as caught:
        list(FhirServer(f"{url}/fhir", None, lambda: NOW, lambda _: None).search("Appointment", {}))
    return str(caught.value)


NEXT = [
    "http://127.0.0.1:{port}/fhir/2",
    "//127.0.0.1:{port}/fhir/2",
    "https://127.0.0.1:{port}/fhir/2",
    "http://user@127.0.0.1:{port}/fhir/2",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
]


@pytest.mark.parametrize("link", NEXT)
def test_the_next_page_of_a_search_is_on_the_same_server(link: str) -> None:
    with server({}) as (other, asked_there):
        port = other.rsplit(":", 1)[1]
        page = {"resourceType": "Bundle", "link": [{"relation": "next", "url": link.format(port=port)}]}
        with server(page) as (url, asked):
            assert fault_of(url) == "The next page is on another server."
            assert len(asked) == 1
        assert asked_there == []


def test_a_redirect_of_a_fhir_server_is_not_followed() -> None:
    with server({}) as (other, asked_there), server(f"{other}/fhir/Appointment") as (url, _):
        assert "302" in fault_of(url)
        assert asked_there == []


def test_pages_that_never_end_are_not_followed_forever() -> None:
    page = {"resourceType": "Bundle", "link": [{"relation": "next", "url": "?page=again"}]}
    with server(page) as (url, asked):
        assert "lead back to themselves" in fault_of(url)
        assert len(asked) == 2
