"""People with phones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.phone.phones import People
from tests.e2e.running import RunningLine


@pytest.fixture
def people(browser: Any, running: RunningLine) -> Iterator[People]:
    """People with browsers. A test fails if a page reports an error of a script or of the policy."""
    people = People(browser, running)
    yield people
    people.leave()
    assert people.errors == []
