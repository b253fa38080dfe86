"""What is at the root of a web process."""

from __future__ import annotations

import pytest

from ivr import create_app
from ivr.settings import load
from tests.support.serving import http_request, serving


@pytest.mark.parametrize(
    ("doors", "method", "status", "location"),
    [
        ("all", "GET", 302, "/console"),
        ("console", "GET", 302, "/console"),
        ("all", "POST", 404, None),
        ("twilio", "GET", 404, None),
    ],
)
def test_the_root_leads_to_the_console_where_there_is_one(tmp_path, monkeypatch, doors, method, status, location):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    with serving(create_app(load(), doors=doors).wsgi_app, tmp_path / "requests") as running:
        found, headers, _ = running.ask(http_request("/", method=method))
    assert (found, headers.get("location")) == (status, location)
