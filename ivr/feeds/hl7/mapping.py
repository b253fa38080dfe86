"""Which fields of a message are the columns of an appointment, and which appointments are reminded at all.

Operators change it in prompts/hl7.yaml; without that file, the defaults below apply. docs/feeds.md describes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, field_validator

from ivr.line.content.loader import HL7_FILE, Content

_FIELD = re.compile(r"([A-Z][A-Z0-9]{2})-(\d{1,2})(?:\.(\d{1,2}))?(?: \((\d{1,2})=([^)]+)\))?")


class FieldPath(NamedTuple):
    """A place in a message, such as PID-13.1 (3=CP): component 1 of the first repetition whose component 3 is CP."""

    segment: str
    field: int
    component: int
    condition: tuple[int, str] | None

    @classmethod
    def parse(cls, text: str) -> FieldPath:
        """Raises ValueError."""
        match = _FIELD.fullmatch(str(text))
        if match is None:
            raise ValueError(f"`{text}` is no field: write it like SCH-2.1, or PID-13.1 (3=CP)")
        segment, field, component, number, value = match.groups()
        return cls(segment, int(field), int(component or 1), (int(number), value) if number else None)


def _paths(value: object) -> object:
    return tuple(FieldPath.parse(text) for text in value) if isinstance(value, list) else value


Paths = Annotated[tuple[FieldPath, ...], BeforeValidator(_paths)]


def _default(*texts: str) -> Paths:
    return tuple(map(FieldPath.parse, texts))


class MappingError(Exception):
    """hl7.yaml cannot be used; the message says where and why."""


class FeedMapping(BaseModel):
    """Each column has fields in order of preference: the first that is not empty counts.

    sites: the id in line.yaml for a site's code; a site that is not listed gets no reminders, and without a list each
    code must be the name of a site. types: the appointment types that get reminders; without a list, all of them.
    processing_ids: of MSH-11; training and debugging messages (T, D) must not text patients. timezone: of times
    without one, if it is not the site's.
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
    sites: Mapping[str, str] = {}
    types: tuple[str, ...] = ()
    processing_ids: tuple[str, ...] = ("P",)
    timezone: str = ""

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        if name:
            try:
                ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                raise ValueError(f"`{name}` is no time zone: write a name like America/New_York") from None
        return name


def mapping_of(content: Content) -> FeedMapping:
    """The mapping of a release. Raises MappingError."""
    return parse_mapping(content.files.get(HL7_FILE, b""))


def parse_mapping(data: bytes) -> FeedMapping:
    """The mapping in a YAML file; the defaults for what it leaves out. Raises MappingError."""
    try:
        return FeedMapping.model_validate(yaml.safe_load(data) or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise MappingError(f"{HL7_FILE}, line {line}: this is not YAML. Check its indents and colons.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = str(first["msg"]).removeprefix("Value error, ")
        raise MappingError(f"{HL7_FILE}, {place or 'the whole file'}: {message}.") from None
