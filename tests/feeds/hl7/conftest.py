"""The feed of a test's clinic."""

from __future__ import annotations

import pytest

from ivr.feeds.hl7.process import Feed
from ivr.settings import Settings
from tests.support.clinic import Clinic


@pytest.fixture
def feed(clinic: Clinic) -> Feed:
    return Feed(Settings(), clinic.ledger, clinic.vault, clinic.content)
