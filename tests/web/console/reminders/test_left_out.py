"""Rows of an appointment file that an import leaves out, and the file in which they are mended."""

from __future__ import annotations

import csv
import io
import os
import time

from ivr.web.console.reminders import uploads
from tests.support.clinic import phone
from tests.support.workbooks import workbook
from tests.web.console.reminders.upload_support import BAD, number, settled, upload


def sheet(*numbers):
    return [["appointment_id", "phone", "starts_at"], *([f"A{n}", phone(n), "2026-12-09 10:00"] for n in numbers)]


def test_the_rows_that_an_import_left_out_can_still_be_downloaded(console, clinic):
    browser = console.browser("scheduler")
    path, page = upload(browser, BAD)
    assert page.index("rows-to-mend.csv") < page.index('name="action" value="import"')
    done = settled(browser, browser.post(path, {"action": "import"}).location)
    assert "as batch 1. 2 rows were left out." in done
    for page in (done, browser.page("/reminders/batches/1")):
        assert f"{path}/rows-to-mend.csv" in page
    assert "A3,,soon," in browser.get(f"{path}/rows-to-mend.csv").get_data(as_text=True)
    files = {file.name for file in (console.services.settings.var_dir / "uploads").rglob("*") if file.is_file()}
    assert files == {"state", "lock", "bad-rows", "left-out"}
    for stranger in ("admin", "operator"):
        assert "rows-to-mend.csv" not in console.browser(stranger).page("/reminders/batches/1")
    for file in (console.services.settings.var_dir / "uploads").rglob("*"):
        os.utime(file, (time.time() - uploads.KEPT_SECONDS - 1,) * 2)
    assert browser.get(f"{path}/rows-to-mend.csv").status_code == 404
    assert "left out" not in browser.page("/reminders/batches/1")


def test_rows_left_out_of_a_file_that_changed_nothing_are_in_the_list_of_batches(console, clinic):
    browser = console.browser("scheduler")
    path, _ = upload(browser, BAD)
    known, _ = upload(browser, BAD)
    settled(browser, browser.post(path, {"action": "import"}).location)
    done = settled(browser, browser.post(known, {"action": "import"}).location)
    assert "so nothing changed. 2 rows were left out." in done
    assert f"{known}/rows-to-mend.csv" in browser.page("/reminders")


def test_both_rows_of_a_duplicate_are_in_the_file_to_mend(console, clinic):
    browser = console.browser("scheduler")
    twice = "appointment_id,phone,starts_at\n" + "".join(
        f"{name},603-555-0101,2026-12-09 {hour}:00\n" for name, hour in (("A1", 10), ("A2", 11), ("A1", 12), ("A1", 13))
    )
    path, page = upload(browser, twice)
    assert number(page, "With faults") == 2
    settled(browser, browser.post(path, {"action": "import"}).location)
    text = browser.get(f"{path}/rows-to-mend.csv").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row["starts_at"][-5:] for row in rows] == ["10:00", "12:00", "13:00"]
    assert rows[0]["what is wrong"] == "This appointment is also in row 4: delete one of the two rows."
    path, page = upload(browser, text)
    assert [number(page, label) for label in ("Changed", "Unchanged", "With faults")] == [0, 1, 2]
    assert 'value="import"' not in page


def test_after_a_typo_in_the_name_of_a_sheet_another_one_can_be_named(console, clinic):
    browser = console.browser("scheduler")
    path, page = upload(browser, workbook({"Today": sheet(1), "Tomorrow": sheet(1, 2)}), "list.xlsx")
    assert "Name of the sheet to read instead" in page
    page = settled(browser, browser.post(path, {"action": "read", "sheet": "Tomorow", "hidden_rows": "yes"}).location)
    assert "it has no sheet with that name. Use one of these: Today, Tomorrow." in page
    assert 'name="sheet" value="Tomorow"' in page
    assert 'name="hidden_rows" value="yes"' in page
    assert "Correct the file, and upload it again" not in page
    page = settled(browser, browser.post(path, {"action": "read", "sheet": "Tomorrow"}).location)
    assert number(page, "New") == 2
    assert 'name="sheet" value="Tomorrow"' in page
    page = settled(browser, browser.post(path, {"action": "read", "sheet": "today"}).location)
    assert number(page, "New") == 1
