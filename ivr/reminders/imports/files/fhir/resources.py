"""The entries of a Bundle, and its resources, found by reference, each with the FHIRPath expression of where it is.

https://hl7.org/fhir/R4/references.html, https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.expression
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ivr.reminders.imports.errors import ErrorCode
from ivr.reminders.imports.files.fhir.resource_types import RESOURCE_TYPES

Resource = dict[str, Any]
_MAX_LENGTH = 500


class Located(NamedTuple):
    """A resource, empty if it is missing, and its expression, such as Bundle.entry[2].resource."""

    resource: Resource = {}
    expression: str = ""


class Entry(NamedTuple):
    """An entry of a Bundle. url: its fullUrl. fault: why it cannot be taken; the expression then says where."""

    located: Located
    url: str = ""
    fault: ErrorCode | None = None

    @property
    def is_row(self) -> bool:
        """Whether it is an Appointment, or might be one."""
        return self.fault is not None or self.located.resource.get("resourceType") == "Appointment"


def entries_of(value: Resource) -> list[Entry]:
    """The entries of a Bundle; a single resource as one."""
    if value["resourceType"] != "Bundle":
        return [Entry(Located(value, str(value["resourceType"])))]
    return [_entry(item, f"Bundle.entry[{index}]") for index, item in enumerate(list_of(value.get("entry")))]


def _entry(item: object, at: str) -> Entry:
    if not isinstance(item, dict):
        return Entry(Located({}, at), fault=ErrorCode.ENTRY)
    resource, request = object_of(item.get("resource")), object_of(item.get("request"))
    named, method = resource.get("resourceType"), request.get("method")
    kind = named if isinstance(named, str) else ""
    if method in ("DELETE", "PATCH"):
        # What a request does to a resource of another type does not matter to the line.
        asked = kind if kind in RESOURCE_TYPES and method == "DELETE" else _type_in(text_of(request.get("url")))
        fault = ErrorCode.DELETION if method == "DELETE" and asked == "Appointment" else ErrorCode.ENTRY
        return Entry(Located({}, f"{at}.request"), fault=fault if asked in ("", "Appointment") else None)
    # The appointments of a Bundle within the Bundle would not be found.
    if kind not in RESOURCE_TYPES or kind == "Bundle":
        return Entry(Located({}, f"{at}.resource"), fault=ErrorCode.ENTRY)
    return Entry(Located(resource, f"{at}.resource"), text_of(item.get("fullUrl")))


def _type_in(url: str) -> str:
    """The type of resource that the URL of a request names, such as Appointment/1 or Appointment?identifier=1."""
    return next((part for part in reversed(url.partition("?")[0].split("/")) if part in RESOURCE_TYPES), "")


class ResourceIndex:
    """The resources of a bundle by every address that a reference may use."""

    def __init__(self, entries: list[Entry]) -> None:
        self._by_address: dict[str, Located] = {}
        for located, url, _ in entries:
            resource = located.resource
            kind, resource_id = text_of(resource.get("resourceType")), text_of(resource.get("id"))
            identifiers = map(_identifier_address, objects_of(resource.get("identifier")))
            for address in (url, f"{kind}/{resource_id}" if resource_id else "", *identifiers):
                if address:
                    self._by_address.setdefault(address, located)

    def find(self, actor: Resource, contained: dict[str, Located]) -> Located:
        """The referenced resource; empty if it is not in the bundle. contained: those of the appointment, by id."""
        reference = text_of(actor.get("reference"))
        if not reference:
            return self._by_address.get(_identifier_address(object_of(actor.get("identifier"))), Located())
        if reference.startswith("#"):
            return contained.get(reference[1:], Located())
        address = without_version(reference)
        return self._by_address.get(address) or self._by_address.get(relative(address), Located())


def contained_in(located: Located) -> dict[str, Located]:
    """The resources that a resource contains, by id; of two with the same id, the first."""
    found: dict[str, Located] = {}
    for index, item in enumerate(list_of(located.resource.get("contained"))):
        if isinstance(item, dict):
            found.setdefault(text_of(item.get("id")), Located(item, f"{located.expression}.contained[{index}]"))
    return found


def _identifier_address(identifier: Resource) -> str:
    """A logical identifier as an address. No other address contains a space."""
    value = text_of(identifier.get("value"))
    return f"{text_of(identifier.get('system'))} {value}" if value else ""


def without_version(reference: str) -> str:
    return reference.partition("/_history/")[0]


def relative(reference: str) -> str:
    """Patient/1 for https://ehr.example.org/fhir/Patient/1."""
    return "/".join(reference.rsplit("/", 2)[-2:])


def objects_of(value: object, most: int | None = None) -> list[Resource]:
    return [item for item in list_of(value)[:most] if isinstance(item, dict)]


def list_of(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def object_of(value: object) -> Resource:
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return value.strip() if len(value) <= _MAX_LENGTH else value[:_MAX_LENGTH].strip()
