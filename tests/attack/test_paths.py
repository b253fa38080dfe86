"""Paths that a proxy and the line could read differently: the line answers none that leads up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import Serving, http_request, serving

LEADS_UP = [
    "/console/../voice",
    "/console/login/../../voice",
    "/console/./login",
    "/voice/..",
    "/voice/%2e%2e/console",
    "/voice/%2E./console",
    "/voice/..%2fconsole",
    "/voice/..%5cconsole",
    "/..",
]
STAYS = ["/audio/..a", "/audio/a..", "/audio/...", "/audio/a.b", "/audio/x?y=/../z"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Serving]:
    def app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"answered"]

    with serving(app, tmp_path) as running:
        yield running


@pytest.mark.parametrize("path", LEADS_UP)
def test_a_path_that_leads_up_is_refused(served: Serving, path: str) -> None:
    assert served.ask(http_request(path, method="GET"))[0] == 400


@pytest.mark.parametrize("path", STAYS)
def test_other_dots_are_part_of_a_name(served: Serving, path: str) -> None:
    assert served.ask(http_request(path, method="GET"))[0] == 200
