"""What goes wrong around a page: odd names, and forms that are sent late or twice."""

from __future__ import annotations

import html

import pytest

from ivr.ledger.tables import appointment, batch
from tests.support.clinic import Clinic, at, csv_text, row
from tests.web.console.conftest import Console
from tests.web.console.reminders.upload_support import number, settled, upload

# Arabic, Hebrew with a mark that turns the direction of what follows, and emoji.
NAMES = ("مريم 🙂", "\u202eרות", "Zoë 👩‍⚕️", "<b>Ann</b>")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_any_script_is_imported_and_shown_as_text(
    console: Console, clinic_for_commands: Clinic, name: str
) -> None:
    browser = console.browser("scheduler")
    path, page = upload(browser, csv_text([row(1, at(3), first_name=name), row(2, "soon", first_name=name)]))
    assert (number(page, "New"), number(page, "With faults")) == (1, 1)
    assert "<b>Ann</b>" not in page
    download = browser.get(f"{path}/rows-to-mend.csv").get_data(as_text=True)
    assert name in download
    browser.post(path, {"action": "import"})
    settled(browser, path)
    assert len(clinic_for_commands.all(appointment)) == 1
    # An element of its own, so that a mark in the name does not turn the words after it.
    assert f"<bdi>{html.escape(name)}</bdi>" in browser.page("/people/appointments/A1")


def test_a_form_that_is_sent_again_by_the_back_button_imports_nothing_twice(
    console: Console, clinic_for_commands: Clinic
) -> None:
    browser = console.browser("scheduler")
    path, _ = upload(browser, csv_text([row(1, at(3))]))
    for _ in range(2):
        browser.post(path, {"action": "import"})
        page = settled(browser, path)
    assert "1 appointment of this file is imported" in html.unescape(page)
    assert len(clinic_for_commands.all(batch)) == 1
