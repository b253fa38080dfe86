"""Resources of a Bundle, found by reference, each with the FHIRPath expression of where it is.

https://hl7.org/fhir/R4/references.html, https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.expression
"""

from __future__ import annotations

from typing import Any, NamedTuple

Resource = dict[str, Any]
_MAX_LENGTH = 500


class Located(NamedTuple):
    """A resource, empty if it is missing, and its expression, such as Bundle.entry[2].resource."""

    resource: Resource = {}
    expression: str = ""


def located_resources(value: Resource) -> list[tuple[str, Located]]:
    """(fullUrl, resource) of each entry of a Bundle; of a single resource, that one."""
    if value["resourceType"] != "Bundle":
        return [("", Located(value, str(value["resourceType"])))]
    entries = value.get("entry")
    return [
        (text_of(entry.get("fullUrl")), Located(object_of(entry.get("resource")), f"Bundle.entry[{index}].resource"))
        for index, entry in enumerate(list_of(entries))
        if isinstance(entry, dict)
    ]


class ResourceIndex:
    """The resources of a bundle by every address that a reference may use."""

    def __init__(self, resources: list[tuple[str, Located]]) -> None:
        self._by_address: dict[str, Located] = {}
        for url, located in resources:
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
