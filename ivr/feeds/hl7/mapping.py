"""The mapping of a release: `prompts/hl7.yaml`, which `infoline prompts check` reads with the same code."""

from __future__ import annotations

from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.hl7_mapping import FeedMapping, FieldPath, Paths, read_mapping
from ivr.line.content.loader import HL7_FILE, Content

__all__ = ["FeedMapping", "FieldPath", "MappingError", "Paths", "mapping_of", "parse_mapping"]


class MappingError(Exception):
    """hl7.yaml cannot be used; the message says where and why."""


def mapping_of(content: Content) -> FeedMapping:
    """The mapping of a release. Raises MappingError."""
    return parse_mapping(content.files.get(HL7_FILE, b""))


def parse_mapping(data: bytes) -> FeedMapping:
    """The mapping in a YAML file; the defaults for what it leaves out. Raises MappingError."""
    try:
        return read_mapping(data)
    except BrokenPrompts as broken:
        raise MappingError(str(broken)) from None
