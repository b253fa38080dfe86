"""hl7.yaml: which fields of an HL7 message are the columns of an appointment, and which appointments get reminders.

Without the file, the defaults below apply. docs/feeds.md describes it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, field_validator

from ivr.i18n import N_
from ivr.line.content.config import invalid, validation_finding
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import HL7_FILE
from ivr.line.content.yaml_source import Source, decode_text, read_yaml

RULE = "hl7-yaml"
_FIELD = re.compile(r"([A-Z][A-Z0-9]{2})-(\d{1,2})(?:\.(\d{1,2}))?(?: \((\d{1,2})=([^)]+)\))?")


class FieldPath(NamedTuple):
    """A place in a message, such as PID-13.1 (3=CP): component 1 of the first repetition whose component 3 is CP."""

    segment: str
    field: int
    component: int
    condition: tuple[int, str] | None

    @classmethod
    def parse(cls, text: object) -> FieldPath:
        """Raises ValueError."""
        match = _FIELD.fullmatch(str(text))
        if match is None:
            raise invalid(N_("`{value}` is no field: write it like SCH-2.1, or PID-13.1 (3=CP)"), value=str(text))
        segment, field, component, number, value = match.groups()
        return cls(segment, int(field), int(component or 1), (int(number), value) if number else None)


def _path(value: object) -> object:
    return value if isinstance(value, FieldPath) else FieldPath.parse(value)


Paths = tuple[Annotated[FieldPath, BeforeValidator(_path)], ...]
# Codes such as 101 are numbers in YAML.
Code = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]


def _default(*texts: str) -> Paths:
    return tuple(map(FieldPath.parse, texts))


class FeedMapping(BaseModel):
    """Each column has fields in order of preference: the first that is not empty counts.

    sites: the id in line.yaml for a site's code; a site that is not listed gets no reminders, and without a list each
    code must be the name of a site. statuses: what a code of the status means, if it is not a word that every source
    may use. types: the appointment types that get reminders; without a list, all of them. processing_ids: of MSH-11;
    training and debugging messages (T, D) must not text patients. timezone: of times without one, if it is not the
    site's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    appointment_id: Paths = _default("SCH-2.1", "SCH-1.1")
    phone: Paths = _default("PID-13.1 (3=CP)", "PID-13.1", "PID-13.12", "PID-14.1")
    starts_at: Paths = _default("SCH-11.4", "AIS-4.1", "AIL-6.1", "AIP-6.1", "AIG-8.1")
    site: Paths = _default("AIL-3.4")
    first_name: Paths = _default("PID-5.2")
    language: Paths = _default("PID-15.1")
    status: Paths = _default("SCH-25.1")
    type: Paths = _default("SCH-8.1", "AIS-3.1")
    sites: Mapping[Code, str] = {}
    statuses: Mapping[Code, Literal["booked", "cancelled", "attended", "missed"]] = {}
    types: tuple[Code, ...] = ()
    processing_ids: tuple[Code, ...] = ("P",)
    timezone: str = ""

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        if name:
            try:
                ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                raise invalid(N_("`{name}` is no time zone: write a name like America/New_York"), name=name) from None
        return name


def read_mapping(data: bytes) -> FeedMapping:
    """The mapping in a file; the defaults for what it leaves out. Raises BrokenPrompts."""
    return _read(data)[0]


def mapping_findings(data: bytes, sites: Collection[str]) -> Iterator[Finding]:
    """Everything that is wrong with the file. sites: the ids in line.yaml."""
    try:
        mapping, source = _read(data)
    except BrokenPrompts as broken:
        yield from broken.findings
        return
    for code, site in mapping.sites.items():
        if site not in sites:
            template = N_("`{name}` is no site of line.yaml: write one of {names}.")
            yield source.fault(("sites", code), RULE, template, name=site, names=", ".join(sites))


def _read(data: bytes) -> tuple[FeedMapping, Source]:
    source = read_yaml(HL7_FILE, decode_text(HL7_FILE, data))
    try:
        return FeedMapping.model_validate(source.value or {}), source
    except ValidationError as error:
        raise BrokenPrompts(validation_finding(source, problem, RULE) for problem in error.errors()) from None
