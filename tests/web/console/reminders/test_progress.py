"""How far the reading of a file is, for each format."""

from __future__ import annotations

import json
import threading

import pytest

from ivr.web.console.reminders import import_work
from tests.support.clinic import at, csv_text, row
from tests.support.workbooks import workbook
from tests.web.console.reminders.upload_support import send, settled

ROWS = [row(number, at(3)) for number in range(1, 8)]
FILES = {
    "list.xlsx": workbook({"List": [list(ROWS[0]), *(list(each.values()) for each in ROWS)]}),
    "list.json": json.dumps(ROWS, indent=2).encode(),
    "list.csv": csv_text(ROWS).encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_read_shows_how_many_of_its_rows_are_read(console, clinic_for_commands, monkeypatch, name):
    read, go_on, findings_of = threading.Event(), threading.Event(), import_work.findings_of

    def wait(*arguments):
        read.set()
        assert go_on.wait(60)
        return findings_of(*arguments)

    monkeypatch.setattr(import_work, "WAIT_SECONDS", 0)
    monkeypatch.setattr(import_work, "findings_of", wait)
    browser = console.browser("scheduler")
    path = send(browser, FILES[name], name).location
    assert read.wait(60)
    expected = 8 if name == "list.csv" else 7
    assert f'id="progress" max="{expected}"' in browser.page(path)
    go_on.set()
    assert "Import 7 appointments" in settled(browser, path)
