"""A scheduler's work in a real browser, with scripts and without."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.files import HEADER, appointments, number, write
from tests.browser.people import Office

pytestmark = pytest.mark.browser
WITH_AND_WITHOUT = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


def upload(page: Page, file: Path) -> None:
    """Choose a file, and wait until it is read."""
    page.get_by_role("link", name="Upload appointments").click()
    page.get_by_label("File with appointments").set_input_files(file)
    page.get_by_role("button", name="Check this file").click()
    expect(page.get_by_role("heading", level=1, name="What was found in the file")).to_be_visible()


def import_file(page: Page, label: str) -> str:
    """Press the button that says what it does. Returns the title of the new batch."""
    page.get_by_role("button", name=label, exact=True).click()
    heading = page.get_by_role("heading", level=1, name="Batch")
    expect(heading).to_be_visible()
    return heading.inner_text()


@WITH_AND_WITHOUT
def test_a_file_with_faults_is_mended_imported_and_watched_until_all_texts_are_delivered(
    office: Office, tmp_path: Path, scripts: bool
) -> None:
    prefix = "MM" if scripts else "MN"
    good = appointments(prefix, 4, "2026-12-03")
    bad = [
        f"{prefix}-2001,603-555-01,2026-12-03 09:30,Ines,en,",
        f"{prefix}-2002,{number(prefix, 9)},soon,Amy,en,",
    ]
    page = office.page("scheduler", "/console/reminders", java_script_enabled=scripts)
    upload(page, write(tmp_path / "thursday.csv", [*good, *bad]))
    faults = page.get_by_role("table", name="Faults by row and column")
    expect(faults.locator("tbody td:first-child")).to_have_text(["6", "7"])
    expect(faults).to_contain_text("soon")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the rows that need mending").click()
    mended = tmp_path / "mended.csv"
    waiting.value.save_as(mended)
    with mended.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["appointment_id"] for row in rows] == [f"{prefix}-2001", f"{prefix}-2002"]
    assert all(row["what is wrong"] for row in rows)

    import_file(page, "Import 4 appointments")
    cells = [{**rows[0], "phone": number(prefix, 8)}, {**rows[1], "starts_at": "2026-12-03 09:50"}]
    write(mended, [",".join(row[name] for name in HEADER.split(",")) for row in cells])
    page.goto("/console/reminders")
    upload(page, mended)
    expect(page.get_by_text("Rows that need mending")).to_have_count(0)
    import_file(page, "Import 2 appointments")
    delivered = page.get_by_role("list", name="Texts of this batch by state").get_by_text("delivered 2")
    if scripts:
        expect(delivered).to_be_visible()
    else:
        for _ in range(30):
            if delivered.is_visible():
                break
            page.wait_for_timeout(1000)
            page.reload()
        expect(delivered).to_be_visible()


def test_a_large_file_says_how_far_it_is_while_it_is_sent(office: Office, tmp_path: Path) -> None:
    rows = [f"{row},{'x' * 9000}" for row in appointments("MQ", 60, "2026-12-28") * 3]
    file = tmp_path / "year.csv"
    file.write_text("\n".join([f"{HEADER},note", *rows]))
    page = office.page("scheduler", "/console/reminders")
    page.get_by_role("link", name="Upload appointments").click()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000}
    network.send("Network.emulateNetworkConditions", slow)
    page.get_by_label("File with appointments").set_input_files(file)
    page.get_by_role("button", name="Check this file").click()
    expect(page.get_by_role("progressbar", name="Sending the file")).to_be_visible()
    expect(page.get_by_text("percent of the file is sent.")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("heading", level=1, name="What was found in the file")).to_be_visible(timeout=60_000)


@WITH_AND_WITHOUT
def test_a_batch_is_paused_resumed_and_cancelled(office: Office, tmp_path: Path, scripts: bool) -> None:
    file = write(tmp_path / "later.csv", appointments("MP" if scripts else "MQ", 12, "2026-12-28"))
    page = office.page("scheduler", "/console/reminders", java_script_enabled=scripts)
    upload(page, file)
    import_file(page, "Import 12 appointments")
    page.get_by_role("button", name="Pause this batch").click()
    expect(page.locator("#batch-live .badge-state")).to_have_text("Paused")
    page.get_by_role("button", name="Resume this batch").click()
    expect(page.get_by_role("button", name="Pause this batch")).to_be_visible()
    page.get_by_role("link", name="Cancel this batch").click()
    expect(page.get_by_text("12 appointments are affected.")).to_be_visible()
    page.get_by_role("button", name="Cancel the texts of batch").click()
    expect(page.locator("#batch-live .badge-state")).to_have_text("Cancelled")
    expect(page.get_by_role("button", name="Pause this batch")).to_have_count(0)
