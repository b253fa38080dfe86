"""The clinic of the tests of the reminders' pages."""

from __future__ import annotations

import pytest

from tests.support.clinic import Clinic


@pytest.fixture
def clinic(clinic_for_commands: Clinic) -> Clinic:
    """The one whose database the console of these tests has."""
    return clinic_for_commands
