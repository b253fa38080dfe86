"""Who may see a whole phone number: schedulers each, operators only that of a call-back that they have taken."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ivr.people.audit import entries_since
from ivr.people.work_items import add_work_item
from tests.support.clinic import NOW, Clinic, at, row
from tests.web.console.conftest import Console
from tests.web.console.work.support import ask

WHOLE, BUTTON = 'href="tel:+16035550101"', "Show the number"


@pytest.fixture
def clinic(clinic_for_commands: Clinic, console: Console) -> Clinic:
    """A clinic in which the patient of appointment A1 waits for a call back, and asks for another time."""
    clinic = clinic_for_commands
    clinic.import_rows(row(1, at(10)))
    ask(clinic.ledger, clinic.vault, now=NOW - timedelta(hours=3))
    with clinic.ledger.write() as connection:
        add_work_item(connection, "change", 1, 1, NOW - timedelta(hours=5))
    return clinic


def shown(clinic: Clinic) -> list[object]:
    with clinic.ledger.read() as connection:
        return [entry.details for entry in entries_since(connection, NOW) if entry.kind == "number_shown"]


def test_an_operator_sees_the_number_of_a_call_back_from_taking_it_until_it_is_done(
    clinic: Clinic, console: Console
) -> None:
    operator, path = console.browser("operator"), "/work/callbacks/1"
    page = operator.page(path)
    assert BUTTON not in page
    assert "Take this to see the number." in page
    refused = operator.post(f"{path}/number")
    assert (refused.status_code, WHOLE in refused.get_data(as_text=True)) == (409, False)
    assert "Take this call-back first." in refused.get_data(as_text=True)
    assert shown(clinic) == []

    operator.post(f"{path}/claim")
    assert BUTTON in operator.page(path)
    page = operator.post(f"{path}/number").get_data(as_text=True)
    assert WHOLE in page
    assert f'<a href="{path}">Back' in page
    assert operator.post(f"{path}/number", headers={"HX-Request": "true"}).get_data(as_text=True).startswith("<a ")
    assert shown(clinic) == [{"person": 1}] * 2

    operator.post(f"{path}/done")
    assert BUTTON not in operator.page(path)
    assert operator.post(f"{path}/number").status_code == 409


def test_an_operator_does_not_see_the_number_of_somebody_elses_call_back(clinic: Clinic, console: Console) -> None:
    console.browser("operator", "Bob").post("/work/callbacks/1/claim")
    ann = console.browser("operator", "Ann")
    assert BUTTON not in ann.page("/work/callbacks/1")
    assert ann.post("/work/callbacks/1/number").status_code == 409


def test_an_operator_sees_no_other_number(clinic: Clinic, console: Console) -> None:
    operator = console.browser("operator")
    for path in ("/people/1", "/people/appointments/A1", "/work/items/1"):
        page = operator.page(path)
        assert "0101" in page, path
        assert BUTTON not in page, path
    assert operator.post("/people/1/number").status_code == 403
    assert shown(clinic) == []


@pytest.mark.parametrize("role", ["scheduler", "admin"])
def test_a_scheduler_and_an_administrator_see_every_number(clinic: Clinic, console: Console, role: str) -> None:
    browser = console.browser(role)
    for path in ("/people/1", "/people/appointments/A1", "/work/items/1", "/work/callbacks/1"):
        assert BUTTON in browser.page(path), path
    for path in ("/people/1/number", "/work/callbacks/1/number"):
        assert WHOLE in browser.post(path).get_data(as_text=True), path


def test_the_number_of_a_call_back_that_does_not_exist_is_not_found(clinic: Clinic, console: Console) -> None:
    assert console.browser("operator").post("/work/callbacks/7/number").status_code == 404
