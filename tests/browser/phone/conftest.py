"""People with phones, and a line whose documents a test writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.phone.phones import People
from tests.e2e.running import RunningLine
from tests.support.network import Line, Network

CONTACTS = {"+16036632180": "Central Scheduling", "+16036683067": "Breast Health Center"}


def _visit(browser: Any, address: str) -> Iterator[People]:
    people = People(browser, address)
    yield people
    people.leave()
    assert people.errors == []


@pytest.fixture
def people(browser: Any, running: RunningLine) -> Iterator[People]:
    """People who call the real line. A test fails if a page reports an error of a script or of the policy."""
    yield from _visit(browser, running.simulator)


@pytest.fixture
def script() -> Iterator[Line]:
    """A line that says what a test writes: `script.says["/voice"] = "<Say>Hello</Say>"`."""
    line = Line()
    yield line
    line.close()


@pytest.fixture
def network(script: Line) -> Iterator[Network]:
    network = Network(script, contacts=CONTACTS)
    yield network
    network.close()


@pytest.fixture
def testers(browser: Any, network: Network) -> Iterator[People]:
    """People who call the line of a test."""
    yield from _visit(browser, network.url)
