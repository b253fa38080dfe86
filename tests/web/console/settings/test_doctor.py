"""The check of the line in Settings: a real child process makes the report."""

from __future__ import annotations

import os
import re
import stat

import pytest
from flask_babel import force_locale

from ivr.doctor.runner import CHECKS
from ivr.web.console.filters import with_code
from ivr.web.console.settings import doctor_report
from ivr.web.console.settings.doctor_report import DoctorReports
from ivr.web.console.settings.doctor_views import TITLES
from tests.support.processes import wait_until


def checked(console, admin):
    """The page, once a report is made."""
    assert admin.post("/settings/doctor").status_code == 303
    wait_until(lambda: "is being checked" not in admin.page("/settings/doctor/live"))
    return admin.page("/settings/doctor")


def test_an_administrator_checks_the_line_and_reads_the_report(console):
    admin = console.browser("admin")
    assert "Not checked yet" in admin.page("/settings/doctor")
    page = checked(console, admin)
    assert "REDIS_URL is not set" in page
    assert "<code>infoline run</code> starts its own queue." in page
    assert "`" not in page
    assert "PHONE_KEY and PHONE_HASH_KEY fit the database." in page
    report = DoctorReports(console.services.settings.var_dir).latest()
    assert f"{report.count('problem')} problem" in page
    assert "signature" in [check["name"] for check in report.checks]
    # The report is readable for the line's user only.
    folder = console.services.settings.var_dir / "doctor"
    for path in (folder, *folder.iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_what_was_checked_has_a_title_in_the_language_of_the_page_and_the_details_are_marked_as_english(console):
    admin = console.browser("admin")
    admin.post("/account/language", {"language": "es"})
    reports = DoctorReports(console.services.settings.var_dir)
    checks = [{"name": name, "level": "ok", "message": "Fine: see `infoline doctor`."} for name in (*CHECKS, "new one")]
    (console.services.settings.var_dir / "doctor").mkdir()
    reports._save(checks)
    page = admin.page("/settings/doctor")
    rows = re.findall(r'<th scope="row" data-label="[^"]*">(.*?)</th>', page)
    with console.app.test_request_context(), force_locale("es"):
        assert rows == [*(str(TITLES[name]) for name in CHECKS), '<span lang="en">new one</span>']
    assert page.count('lang="en">Fine: see <code>infoline doctor</code>.</td>') == len(checks)
    assert TITLES.keys() == CHECKS.keys()


def test_what_a_sentence_quotes_as_code_is_escaped():
    assert (
        with_code("<b>: see `a <i>` & `c`, not `")
        == "&lt;b&gt;: see <code>a &lt;i&gt;</code> &amp; <code>c</code>, not `"
    )


def test_a_report_that_fails_says_so_and_can_be_made_again(console, monkeypatch, capfd):
    admin = console.browser("admin")
    monkeypatch.setattr(doctor_report, "MODULE", "ivr.no_such_module")
    assert "The check itself failed" in checked(console, admin)


def test_one_report_is_made_at_a_time(console, monkeypatch, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    started = []

    def wait_for_test(command, **options):
        started.append(command)
        fifo.read_text()
        raise OSError

    monkeypatch.setattr(doctor_report.subprocess, "run", wait_for_test)
    reports = DoctorReports(tmp_path)
    assert reports.start()
    assert not reports.start()
    assert reports.is_running()
    fifo.write_text("go")
    wait_until(lambda: not reports.is_running())
    assert len(started) == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"at": "x", "checks": []}'])
def test_a_damaged_report_is_as_none(text, tmp_path):
    (tmp_path / "doctor").mkdir()
    (tmp_path / "doctor" / "report.json").write_text(text)
    assert DoctorReports(tmp_path).latest() is None
