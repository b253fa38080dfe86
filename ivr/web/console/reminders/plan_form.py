"""The form for the plan of reminders: its fields, what is wrong with them, and the line.yaml that they make."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from functools import lru_cache
from itertools import chain, count

from ivr.line.content.config import ReminderRules, ReminderStep
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import LINE_FILE, Files, read_content, read_line_file
from ivr.line.content.yaml_edit import append_item, remove_item, set_value
from ivr.line.content.yaml_source import Path, decode_text
from ivr.line.lint.plan_rules import names_of_the_test, steps_over_the_limit
from ivr.web.console.words import gettext

UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
EVERYBODY, UNCONFIRMED = "everybody", "unconfirmed"
_UNLESS = {EVERYBODY: "null", UNCONFIRMED: "confirmed"}
_MOST = 9999
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_REMINDER = re.compile(r"[a-z0-9-]+/(reminder-[a-z0-9-]+)\.md")
_OF_THE_TEST = "-names-test"
_RULES: Path = ("reminders",)
_PLAN: Path = (*_RULES, "plan")
_YES, _NO = "true", "false"


@dataclass(frozen=True)
class StepFields:
    """The names of the fields of a step; without a step, of one to add."""

    step: ReminderStep | None = None

    def _name(self, part: str) -> str:
        return f"{part}-{self.step.id}" if self.step else f"new-{part}"

    @property
    def before(self) -> str:
        return self._name("before")

    @property
    def late(self) -> str:
        return self._name("late")

    @property
    def asks(self) -> str:
        return self._name("asks")

    @property
    def audience(self) -> str:
        return self._name("to")

    @property
    def words(self) -> str:
        return self._name("words")

    @property
    def remove(self) -> str:
        return self._name("remove")

    @property
    def boxes(self) -> tuple[str, str]:
        """What a browser does not send unless it is ticked."""
        return self.asks, self.remove


NEW = StepFields()


# Reading the file takes far longer than all else on the page.
@lru_cache(maxsize=4)
def rules_of(data: bytes) -> ReminderRules | None:
    """The plan in a line.yaml; None if it cannot be read."""
    try:
        return read_line_file(data)[0].reminders
    except BrokenPrompts:
        return None


def prompts_of(files: Collection[str]) -> list[str]:
    """The prompts that a reminder can have, by the names of all files."""
    found = {match[1] for name in files if (match := _REMINDER.fullmatch(name))}
    return sorted(name for name in found if not name.endswith(_OF_THE_TEST))


def fields_of(rules: ReminderRules) -> dict[str, str]:
    """The fields as the plan is now."""
    fields = {
        "quiet-from": rules.quiet_hours.start.strftime("%H:%M"),
        "quiet-to": rules.quiet_hours.end.strftime("%H:%M"),
        "day": str(rules.per_number.day),
        "week": str(rules.per_number.week),
        f"{NEW.before}-unit": "d",
        NEW.late: "1",
        f"{NEW.late}-unit": "d",
        NEW.audience: EVERYBODY,
    }
    for step in rules.plan:
        names = StepFields(step)
        for name, span in ((names.before, step.before), (names.late, step.late)):
            fields[name], fields[f"{name}-unit"] = _amount_and_unit(span)
        fields[names.asks] = "yes" if step.asks else ""
        fields[names.audience] = UNCONFIRMED if step.unless else EVERYBODY
    return fields


def with_newer_steps(rules: ReminderRules, fields: Mapping[str, str]) -> dict[str, str]:
    """The fields that were sent, with those of texts that the plan has got since the page was loaded."""
    present, newer = fields_of(rules), dict[str, str]()
    for names in map(StepFields, rules.plan):
        if names.before not in fields:
            of_step = (names.before, names.late, names.asks, names.audience)
            newer |= {name: present[name] for name in of_step}
            newer |= {f"{name}-unit": present[f"{name}-unit"] for name in (names.before, names.late)}
    return {**fields, **newer}


def _amount_and_unit(span: timedelta) -> tuple[str, str]:
    unit = next(unit for unit, length in UNITS.items() if span % length == timedelta())
    return str(span // UNITS[unit]), unit


def adds_step(fields: Mapping[str, str]) -> bool:
    """Whether somebody has begun to fill in another text."""
    return bool(fields.get(NEW.before, "").strip() or fields.get(NEW.words))


def errors_of(rules: ReminderRules, fields: Mapping[str, str], prompts: Collection[str]) -> dict[str, str]:
    """A sentence for each field that cannot be read. prompts: that another text can have."""
    errors: dict[str, str] = {}
    steps = [names for names in map(StepFields, rules.plan) if not fields.get(names.remove)]
    steps += [NEW] if adds_step(fields) else []
    for names in steps:
        errors |= _errors_of_step(names, fields)
    if adds_step(fields) and fields.get(NEW.words) not in prompts:
        errors[NEW.words] = gettext("Choose the words of this text.")
    for name in ("quiet-from", "quiet-to"):
        if not _TIME.fullmatch(fields.get(name, "")):
            errors[name] = gettext("Enter a time of day, such as 21:00.")
    for name in ("day", "week"):
        if not _number(fields.get(name, "")):
            errors[name] = gettext("Enter a whole number of at least 1.")
    if not steps:
        errors["plan-form"] = gettext("Leave at least one text in the plan.")
    return errors


def _errors_of_step(names: StepFields, fields: Mapping[str, str]) -> dict[str, str]:
    errors = {}
    for name in (names.before, names.late):
        if _number(fields.get(name, "")) is None or fields.get(f"{name}-unit") not in UNITS:
            errors[name] = gettext("Enter a whole number, such as 2.")
    if fields.get(names.audience) not in _UNLESS:
        errors[names.audience] = gettext("Choose who gets this text.")
    return errors


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST))
    return int(text) if is_number else None


@dataclass(frozen=True)
class Changes:
    """What the fields change in line.yaml. removed: places in the plan. added: a step, as YAML, or nothing."""

    values: Mapping[Path, str] = field(default_factory=dict)
    removed: tuple[int, ...] = ()
    added: str = ""

    def __bool__(self) -> bool:
        return bool(self.values or self.removed or self.added)


def changes_of(rules: ReminderRules, fields: Mapping[str, str]) -> Changes:
    """The fields have no errors."""
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
    removed = tuple(index for index, step in enumerate(rules.plan) if fields.get(StepFields(step).remove))
    for index, step in enumerate(rules.plan):
        if index not in removed:
            changes |= {(*_PLAN, index, key): value for key, value in _changes_of_step(step, fields)}
    return Changes(changes, removed, _new_step(rules, fields) if adds_step(fields) else "")


def _changes_of_step(step: ReminderStep, fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    names = StepFields(step)
    for name, key, span in ((names.before, "before", step.before), (names.late, "late", step.late)):
        number, unit = int(fields[name]), fields[f"{name}-unit"]
        if number * UNITS[unit] != span:
            yield key, f"{number}{unit}"
    asks = fields.get(names.asks) == "yes"
    if asks != step.asks:
        yield "asks", _YES if asks else _NO
    if (fields[names.audience] == UNCONFIRMED) != (step.unless is not None):
        yield "unless", _UNLESS[fields[names.audience]]


def _new_step(rules: ReminderRules, fields: Mapping[str, str]) -> str:
    """A step as YAML. Its id is its time, such as 10d, unless another one is called that."""
    before, late = (f"{int(fields[name])}{fields[f'{name}-unit']}" for name in (NEW.before, NEW.late))
    taken = {step.id for step in rules.plan}
    numbered = (f"{before}-{number}" for number in count(2))
    step_id = next(name for name in chain([before], numbered) if name not in taken)
    values = {"id": step_id, "before": before, "late": late, "prompt": fields[NEW.words]}
    values |= {"unless": "confirmed"} if fields[NEW.audience] == UNCONFIRMED else {}
    values |= {"asks": _YES} if fields.get(NEW.asks) == "yes" else {}
    return f"{{{', '.join(f'{key}: {value}' for key, value in values.items())}}}"


def changed_file(files: Files, changes: Changes) -> bytes:
    """line.yaml with some values, texts added and texts removed."""
    text = decode_text(LINE_FILE, files[LINE_FILE])
    for path, value in changes.values.items():
        text = set_value(text, path, value)
    if changes.added:
        text = append_item(text, _PLAN, changes.added)
    for index in reversed(changes.removed):
        text = remove_item(text, _PLAN, index)
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
