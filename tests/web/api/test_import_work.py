"""Which bodies are imported on the thread of their request, and which in a process of their own."""

from __future__ import annotations

import pytest

from ivr.reminders.imports.importer import ImportReport
from ivr.web.api import import_work
from ivr.web.api.import_work import FHIR_JSON, ImportAnswer, ImportJob, import_body
from tests.support.clinic import NOW


@pytest.mark.parametrize(
    ("size", "media_type", "is_here"),
    [
        (2_000_000, "application/json", True),
        (2_000_001, "application/json", False),
        (2_000_001, "text/csv", False),
        (2_000_001, FHIR_JSON, True),
        (5_500_000, FHIR_JSON, True),
        (5_500_001, FHIR_JSON, False),
    ],
)
def test_a_body_with_as_much_work_as_a_process_takes_to_start_stays_here(
    tmp_path, monkeypatch, size, media_type, is_here
):
    body = tmp_path / "body"
    with body.open("wb") as file:
        file.truncate(size)
    answer = ImportAnswer(ImportReport(), {})

    def run(*_command, **_options):
        raise RuntimeError("a process was started")

    monkeypatch.setattr(import_work.subprocess, "run", run)
    job = ImportJob(str(body), "Epic (API)", 1, False, False, False, media_type, NOW.isoformat())
    if is_here:
        assert import_body(job, lambda _job: answer) is answer
    else:
        with pytest.raises(RuntimeError, match="a process was started"):
            import_body(job, lambda _job: answer)
