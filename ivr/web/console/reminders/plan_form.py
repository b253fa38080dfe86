"""The form for the plan of reminders: its fields, what is wrong with them, and the line.yaml that they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta

from ivr.line.content.config import ReminderRules, ReminderStep
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import LINE_FILE, Files, read_content
from ivr.line.content.yaml_edit import set_value
from ivr.line.content.yaml_source import Path, decode_text
from ivr.line.lint.plan_rules import names_of_the_test, steps_over_the_limit
from ivr.web.console.words import gettext

UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_MOST = 9999
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_RULES: Path = ("reminders",)
_YES, _NO = "true", "false"


@dataclass(frozen=True)
class StepFields:
    """The names of the fields of a step."""

    step: ReminderStep

    @property
    def before(self) -> str:
        return f"before-{self.step.id}"

    @property
    def late(self) -> str:
        return f"late-{self.step.id}"

    @property
    def asks(self) -> str:
        return f"asks-{self.step.id}"


def fields_of(rules: ReminderRules) -> dict[str, str]:
    """The fields as the plan is now."""
    fields = {
        "quiet-from": rules.quiet_hours.start.strftime("%H:%M"),
        "quiet-to": rules.quiet_hours.end.strftime("%H:%M"),
        "day": str(rules.per_number.day),
        "week": str(rules.per_number.week),
    }
    for names in map(StepFields, rules.plan):
        for name, span in ((names.before, names.step.before), (names.late, names.step.late)):
            fields[name], fields[f"{name}-unit"] = _amount_and_unit(span)
        fields[names.asks] = "yes" if names.step.asks else ""
    return fields


def _amount_and_unit(span: timedelta) -> tuple[str, str]:
    unit = next(unit for unit, length in UNITS.items() if span % length == timedelta())
    return str(span // UNITS[unit]), unit


def errors_of(rules: ReminderRules, fields: Mapping[str, str]) -> dict[str, str]:
    """A sentence for each field that cannot be read."""
    errors = {}
    for names in map(StepFields, rules.plan):
        for name in (names.before, names.late):
            if _number(fields.get(name, "")) is None or fields.get(f"{name}-unit") not in UNITS:
                errors[name] = gettext("Enter a whole number, such as 2.")
    for name in ("quiet-from", "quiet-to"):
        if not _TIME.fullmatch(fields.get(name, "")):
            errors[name] = gettext("Enter a time of day, such as 21:00.")
    for name in ("day", "week"):
        if not _number(fields.get(name, "")):
            errors[name] = gettext("Enter a whole number of at least 1.")
    return errors


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST))
    return int(text) if is_number else None


def changes_of(rules: ReminderRules, fields: Mapping[str, str]) -> dict[Path, str]:
    """The values of line.yaml that the fields change. The fields have no errors."""
    changes: dict[Path, str] = {}
    for name, key, now in (
        ("quiet-from", "from", rules.quiet_hours.start),
        ("quiet-to", "to", rules.quiet_hours.end),
    ):
        if time.fromisoformat(fields[name]) != now:
            changes[(*_RULES, "quiet_hours", key)] = f'"{fields[name]}"'
    for name, limit in (("day", rules.per_number.day), ("week", rules.per_number.week)):
        if int(fields[name]) != limit:
            changes[(*_RULES, "per_number", name)] = str(int(fields[name]))
    for index, names in enumerate(map(StepFields, rules.plan)):
        for name, key, span in ((names.before, "before", names.step.before), (names.late, "late", names.step.late)):
            number, unit = int(fields[name]), fields[f"{name}-unit"]
            if number * UNITS[unit] != span:
                changes[(*_RULES, "plan", index, key)] = f"{number}{unit}"
        asks = fields.get(names.asks) == "yes"
        if asks != names.step.asks:
            changes[(*_RULES, "plan", index, "asks")] = _YES if asks else _NO
    return changes


def changed_file(files: Files, changes: Mapping[Path, str]) -> bytes:
    """line.yaml with some values changed."""
    text = decode_text(LINE_FILE, files[LINE_FILE])
    for path, value in changes.items():
        text = set_value(text, path, value)
    return text.encode()


def check_plan(files: Files) -> tuple[list[Finding], list[Finding]]:
    """The errors and the warnings that `infoline prompts check` has about the plan, without checking every prompt."""
    try:
        content = read_content(files)
    except BrokenPrompts as broken:
        # What is wrong in other files is a matter of those files.
        return [finding for finding in broken.findings if finding.file == LINE_FILE], []
    found = [*steps_over_the_limit(content), *names_of_the_test(content)]
    errors = [finding for finding in found if finding.level == "error" and finding.rule == "reminder-limit"]
    return errors, [finding for finding in found if finding.level != "error"]
