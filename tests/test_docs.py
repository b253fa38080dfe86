"""The operator's pages list every setting, metric, alarm and log event of the code, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ivr.ledger.background_writer import BackgroundWriter
from ivr.people.calls.call_log import CallLog
from ivr.people.inbound.incoming import IncomingTextLog
from ivr.people.inbound.unanswered import UnansweredLog
from ivr.reminders.alarms import Alarm
from ivr.settings import Settings
from tests.support.paths import ROOT

PAGES = ("operations", "metrics", "retention", "abuse", "keys")
DOCUMENT = "\n".join((ROOT / f"docs/{name}.md").read_text() for name in PAGES if (ROOT / f"docs/{name}.md").exists())
# A call of a logger with the event as a literal, or as an f-string that starts with a writer's name.
_EVENT = re.compile(r"""(?:get_logger\(\)|\blogger|\b_log)[\w.]*\(\s*(?:"\w+", )?f?"([\w{}.]+)\"""")
_WRITERS: list[type[BackgroundWriter]] = [CallLog, IncomingTextLog, UnansweredLog]


def documented(heading: str) -> set[str]:
    """The names in the first column of all tables whose first heading is given."""
    tables = re.findall(rf"^\| {heading} \|.*\n\|-.*\n((?:\|.*\n)*)", DOCUMENT, re.MULTILINE)
    assert tables, f"no table {heading}"
    return set(re.findall(r"^\| `([^`]+)`", "".join(tables), re.MULTILINE))


def metrics() -> set[str]:
    return set(re.findall(r'"(infoline_\w+)"', (ROOT / "ivr/web/metrics.py").read_text()))


def log_events() -> Iterator[str]:
    for folder in ("ivr", "worker"):
        for path in (ROOT / folder).rglob("*.py"):
            for event in _EVENT.findall(path.read_text()):
                for process in ("clock", "worker"):
                    named = event.replace("{self._process}", process)
                    yield from (named.replace("{self.name}", writer.name) for writer in _WRITERS)


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Setting", {name.upper() for name in Settings.model_fields}),
        ("Metric", metrics()),
        ("Alarm", set(Alarm)),
        ("Event", set(log_events())),
    ],
    ids=["settings", "metrics", "alarms", "log events"],
)
def test_the_pages_for_operators_list_exactly_the_names_of_the_code(heading: str, expected: set[str]) -> None:
    assert documented(heading) == expected


def test_every_call_of_a_logger_names_its_event() -> None:
    """So that no event escapes the table: each module's logging calls are all found by the pattern."""
    for folder in ("ivr", "worker"):
        for path in (ROOT / folder).rglob("*.py"):
            source = path.read_text()
            calls = len(re.findall(r"get_logger\(\)\.\w+\(", source))
            assert len(re.findall(r'get_logger\(\)\.\w+\(\s*f?"', source)) == calls, path
