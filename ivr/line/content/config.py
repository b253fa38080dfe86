"""line.yaml as typed objects: languages, menus, topics, directory, sites, holidays, reminders."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time, timedelta
from functools import cache, cached_property
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from ivr.i18n import N_, Explained, sentence
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.yaml_source import Path, Source

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_HOURS = re.compile(r"([0-9:]+)\s*-\s*([0-9:]+)")
_SPAN = re.compile(r"([0-9]{1,4})\s*([dhm])")
# What callers can say instead of pressing a key: an answer to a question, or the name of a key.
ANSWERS = ("yes", "no", "person", "text", "call", "morning", "afternoon", "any")
LINE_COMMANDS = (*ANSWERS, "again", "back", "skip", *"0123456789")
# The states and territories in the holidays library, which loads every country in the world to list them.
_STATES = """
AK AL AR AS AZ CA CO CT DC DE FL GA GU HI IA ID IL IN KS KY LA MA MD ME MI MN MO MP MS MT NC ND NE NH NJ NM NV NY
OH OK OR PA PR RI SC SD TN TX UM UT VA VI VT WA WI WV WY
"""
US_STATES = frozenset(_STATES.split())
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class _InvalidValue(Explained, ValueError):
    """A value that cannot be used, and how to write it."""


def invalid(template: str, /, **values: str) -> ValueError:
    """What a validator of a model raises."""
    return _InvalidValue(sentence(template, **values))


def _time(value: Any) -> time:
    if not _TIME.fullmatch(str(value)):
        raise invalid(N_("`{value}` is not a time of day: write it like 08:00"), value=str(value))
    return time.fromisoformat(str(value))


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise invalid(N_("`{value}` is not a day: write it like 2026-12-24"), value=str(value)) from None


def _span(value: Any) -> timedelta:
    match = _SPAN.fullmatch(str(value))
    if not match:
        raise invalid(N_("`{value}` is not a duration: write it like 7d, 12h or 30m"), value=str(value))
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _day_hours(value: Any) -> tuple[time, time]:
    """08:00-17:00."""
    match = _HOURS.fullmatch(str(value))
    if not match:
        raise invalid(N_("`{hours}` are not opening hours: write them like 08:00-17:00"), hours=str(value))
    opens, closes = _time(match[1]), _time(match[2])
    if opens >= closes:
        raise invalid(N_("`{hours}` closes before it opens"), hours=str(value))
    return opens, closes


def _opening(value: Any) -> dict[str, Any]:
    """{"Mon-Fri": "08:00-17:00"} as {"Mon": (08:00, 17:00), ...}."""
    if not isinstance(value, dict) or not value:
        raise invalid(N_("write hours like {{Mon-Fri: 08:00-17:00}}"))
    opening: dict[str, tuple[time, time]] = {}
    for days, hours in value.items():
        span = _day_hours(hours)
        for day in _days(str(days)):
            if day in opening:
                raise invalid(N_("{day} has hours twice"), day=day)
            opening[day] = span
    return opening


def _days(value: str) -> tuple[str, ...]:
    first, dash, last = value.partition("-")
    last = last if dash else first
    if first not in DAYS or last not in DAYS:
        raise invalid(N_("`{value}` are not days: write Mon-Fri, or Sat"), value=value)
    start, end = DAYS.index(first), DAYS.index(last)
    if end < start:
        raise invalid(N_("`{value}` runs backwards"), value=value)
    return DAYS[start : end + 1]


def _check(is_valid: Callable[[str], object], template: str, /, **values: str) -> AfterValidator:
    def check(value: str) -> str:
        if not is_valid(value):
            raise invalid(template, value=value, **values)
        return value

    return AfterValidator(check)


def _matches(pattern: str, template: str) -> AfterValidator:
    return _check(re.compile(pattern).fullmatch, template)


def _is_language(code: str) -> bool:
    from babel import localedata

    return re.fullmatch("[a-z]{2}", code) is not None and localedata.exists(code)


Clock = Annotated[time, BeforeValidator(_time)]
Day = Annotated[date, BeforeValidator(_day)]
Span = Annotated[timedelta, BeforeValidator(_span)]
_zones = cache(available_timezones)
Zone = Annotated[
    str, _check(lambda name: name in _zones(), N_("`{value}` is not a time zone: write it like America/New_York"))
]
StateCode = Annotated[
    str, _check(US_STATES.__contains__, N_("`{value}` is not a state: write its two letters, like NH"))
]
PHONE = "[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}"
Phone = Annotated[str, _matches(PHONE, N_("`{value}` is not a phone number: write ten digits like 603-663-2180"))]
Helpline = Annotated[
    str, _matches(f"1-{PHONE}", N_("`{value}` is not a helpline: write it with its 1, like 1-800-555-0100"))
]
DayHours = Annotated[tuple[time, time], BeforeValidator(_day_hours)]
Opening = Annotated[dict[str, tuple[time, time]], BeforeValidator(_opening)]
Name = Annotated[str, _matches(r"[a-z0-9]+(-[a-z0-9]+)*", N_("`{value}` is not a lowercase name, like next-steps"))]
# 0, 8, 9, * and # have the same meaning in every state.
ChoiceKey = Annotated[str, _matches(r"[1-7]", N_("`{value}` is not a key from 1 to 7"))]
LanguageCode = Annotated[str, _check(_is_language, N_("`{value}` is not a language: write its two letters, like en"))]
ByLanguage = dict[str, str]
ReplyWord = Annotated[str, _matches(r"[A-Z0-9]{2,20}", N_("`{value}` is not a word of capital letters, like BIOPSY"))]
Command = Annotated[
    str, _check(LINE_COMMANDS.__contains__, N_("`{value}` is not one of {names}"), names=", ".join(LINE_COMMANDS))
]
Said = Annotated[list[str], Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Language(_Part):
    name: str
    voice: Annotated[
        str, _matches(r"(Polly|Google)\.[A-Za-z0-9-]+", N_("`{value}` is not a voice, like Polly.Joanna-Neural"))
    ]
    tag: Annotated[str, _matches("[a-z]{2}-[A-Z]{2}", N_("`{value}` is not a tag like en-US"))]
    rate: Annotated[
        str, _matches("[2-9][0-9]%|1[0-9]{2}%|200%", N_("`{value}` is not a speed from 20% to 200%, like 90%"))
    ] = "90%"
    said: dict[Command, Said] = {}
    """What callers can say instead of each key."""


class MenuConfig(_Part):
    person: Name
    choices: Annotated[dict[ChoiceKey, Name], Field(min_length=1)]


class Topic(_Part):
    id: Annotated[Name, Field(max_length=40)]
    number: Annotated[int, Field(ge=1, le=9)]
    person: Name


class LibraryAnswer(_Part):
    """An answer beside the numbered topics, reached by free words, by its word in a text, and after a subject.

    word: what patients text for it, by language. after: the topic or library answer at whose end it is offered. about:
    what the offer calls it, as in "to hear about biopsies", by language. offered: whether a text that the line is
    unsure about may be asked whether it means this.
    """

    id: Annotated[Name, Field(max_length=40)]
    person: Name
    word: dict[str, ReplyWord]
    after: Name | None = None
    about: ByLanguage = {}
    offered: bool = True


class DirectoryEntry(_Part):
    """A desk that the line can transfer to. `number` is shown to people; the carrier dials `e164`."""

    id: Name
    name: ByLanguage
    number: Phone
    purpose: Annotated[ByLanguage, Field(alias="for")]
    hours: Opening
    confirmed: bool = True
    holidays: Literal["closed", "open"] = "closed"
    whisper: Literal["none", "say", "accept"] = "none"
    said: dict[str, Said] = {}
    next: list[Name] = []
    ring: Annotated[int, Field(ge=5, le=60)] = 25

    @property
    def e164(self) -> str:
        return "+1" + self.number.replace("-", "")


class Holidays(_Part):
    """The days on which entries with `holidays: closed` are closed: those of the state, with changes."""

    state: StateCode = "NH"
    add: list[Day] = []
    remove: list[Day] = []
    hours: dict[Day, DayHours] = {}
    """Days on which these entries are open only within some of their hours, such as 08:00-12:00."""
    confirmed: Annotated[int, Field(ge=2000, le=2999)] | None = None
    """The last year whose closed days the hospital has confirmed."""


class Site(_Part):
    """A place where appointments are. imported_as: what appointment files also call it; patients never see it."""

    id: Name
    name: ByLanguage
    imported_as: list[str] = []
    timezone: Zone
    directory: Name


Country = Annotated[str, _matches("[A-Z]{2}", N_("`{value}` is not two capital letters, like US"))]


class QuietHours(_Part):
    start: Annotated[Clock, Field(alias="from")]
    end: Annotated[Clock, Field(alias="to")]


class PerNumber(_Part):
    day: Annotated[int, Field(ge=1)] = 1
    week: Annotated[int, Field(ge=1)] = 3


class ReminderStep(_Part):
    """One reminder. It is due `before` the appointment, and still sent when it is at most `late` overdue."""

    id: Annotated[str, _matches("[a-z0-9-]{1,40}", N_("`{value}` is not a lowercase name, like 7d"))]
    before: Span
    late: Span
    priority: Annotated[int, Field(ge=1, le=9)] = 5
    prompt: Name
    unless: Literal["confirmed"] | None = None
    names_test: bool = False
    asks: bool = False
    """Whether it asks for confirmation, so that a bare yes within three days answers it."""

    @property
    def wording(self) -> str:
        """The name of its prompt; with `names_test`, the variant that names the test."""
        return f"{self.prompt}-names-test" if self.names_test else self.prompt


class ReminderRules(_Part):
    quiet_hours: QuietHours
    per_number: PerNumber = PerNumber()
    pace: Annotated[int, Field(ge=1, le=10_000)] = 10
    countries: Annotated[list[Country], Field(min_length=1)] = ["US"]
    """The countries whose numbers may be texted; numbers of the first need no country code."""
    dates: Literal["month-first", "day-first"] = "month-first"
    """How to read 12/01/2026 in an appointment file."""
    plan: list[ReminderStep]


class Config(_Part):
    """All of line.yaml."""

    hospital: ByLanguage
    timezone: Zone
    languages: Annotated[dict[LanguageCode, Language], Field(min_length=1)]
    answer_seconds: Annotated[int, Field(ge=5, le=20)] = 8
    speech: bool = False
    tries: Annotated[int, Field(ge=2, le=5)] = 3
    pause_ms: Annotated[int, Field(ge=100, le=3000)] = 600
    sign_off: Literal["advised", "required"] = "advised"
    """Whether topics, red flags and `results` can be published without a sign-off."""
    menus: dict[Name, MenuConfig]
    topics: list[Topic]
    answers: dict[Name, Name] = {}
    library: list[LibraryAnswer] = []
    reply_words: dict[Name, dict[str, ReplyWord]] = {}
    """For outcomes that are not subjects: the word to reply with, by language. A text may offer these too."""
    directory: list[DirectoryEntry]
    helplines: list[Helpline] = []
    """Numbers outside the hospital that prompts may name, such as a cancer society's."""
    holidays: Holidays = Holidays()
    sites: Annotated[list[Site], Field(min_length=1)]
    reminders: ReminderRules

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def default_language(self) -> str:
        return next(iter(self.languages))

    @cached_property
    def own_numbers(self) -> frozenset[str]:
        """The numbers of the directory, in E.164."""
        return frozenset(entry.e164 for entry in self.directory)

    def entry(self, name: str) -> DirectoryEntry:
        return next(entry for entry in self.directory if entry.id == name)

    @property
    def subjects(self) -> tuple[Topic | LibraryAnswer, ...]:
        """Everything that has a complete answer: the topics, then the library."""
        return (*self.topics, *self.library)

    @property
    def words(self) -> dict[str, dict[str, str]]:
        """What patients text for an answer without a number: its words by language."""
        return {**{answer.id: answer.word for answer in self.library}, **self.reply_words}

    @property
    def word_paths(self) -> dict[str, Path]:
        """Where line.yaml has the words of each of these."""
        library: dict[str, Path] = {answer.id: ("library", index, "word") for index, answer in enumerate(self.library)}
        return library | {name: ("reply_words", name) for name in self.reply_words}

    @property
    def offerable(self) -> frozenset[str]:
        """The names of what a text may offer or ask about. Each has a title."""
        library = (answer.id for answer in self.library if answer.offered)
        return frozenset((*(topic.id for topic in self.topics), *library, *self.reply_words))

    def offered_after(self, subject: str) -> list[LibraryAnswer]:
        """The library answers that are offered at the end of a topic or of another library answer."""
        return [answer for answer in self.library if answer.after == subject]

    def topic(self, name: str) -> Topic | None:
        return next((topic for topic in self.topics if topic.id == name), None)

    def site(self, name: str) -> Site | None:
        return next((site for site in self.sites if site.id == name), None)


def read_config(source: Source) -> Config:
    """Validate line.yaml. Raises BrokenPrompts with a finding for each invalid value."""
    try:
        return Config.model_validate(source.value if source.value is not None else {})
    except ValidationError as error:
        raise BrokenPrompts(validation_finding(source, problem, "line-yaml") for problem in error.errors()) from None


_SENTENCES = {
    "extra_forbidden": N_("`{name}` is not a key here: remove it, or correct its spelling."),
    "missing": N_("`{name}` is missing: add it here."),
}


def validation_finding(source: Source, problem: ErrorDetails, rule: str) -> Finding:
    """The finding for a value that pydantic refused."""
    path = tuple(step for step in problem["loc"] if step != "[key]")
    name = ".".join(map(str, path)) or source.file
    template = _SENTENCES.get(problem["type"])
    if template:
        return source.fault(path, rule, template, name=name)
    error = problem.get("ctx", {}).get("error")
    text = error.sentence if isinstance(error, _InvalidValue) else problem["msg"].removeprefix("Value error, ")
    return source.fault(path, rule, N_("`{name}`: {problem}."), name=name, problem=text)
