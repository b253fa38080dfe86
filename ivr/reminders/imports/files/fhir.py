"""A FHIR R4 Bundle of Appointments, with their Patients and Locations (https://hl7.org/fhir/R4/appointment.html)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

from ivr.reminders.imports.categories import PATIENT_LANGUAGES, SITE_NAME, WARNING_CODE
from ivr.reminders.imports.errors import ErrorCode
from ivr.reminders.imports.files.unreadable import Cells, check_row_count, checked_cell, file_error

_Resource = dict[str, Any]
# https://hl7.org/fhir/R4/valueset-appointmentstatus.html
_STATUSES = {
    "proposed": "booked",
    "pending": "booked",
    "booked": "booked",
    "arrived": "attended",
    "checked-in": "attended",
    "waitlist": "booked",
    "fulfilled": "attended",
    "noshow": "missed",
    "cancelled": "cancelled",
    "entered-in-error": "cancelled",
}
# The time is not agreed on yet, so a reminder would be wrong.
_NOT_AGREED = ("proposed", "waitlist")
_PHONE_SYSTEMS = ("phone", "sms")
# Uses of an identifier, best first. An identifier with another use, such as "old", is ignored.
_USES = ("official", "usual", None, "secondary", "temp")
_LAST_RANK = 1 << 31
_MAX_LANGUAGE_LENGTH = 40


def is_fhir(value: object) -> TypeGuard[_Resource]:
    return isinstance(value, dict) and value.get("resourceType") in ("Bundle", "Appointment")


def rows_of_fhir(value: _Resource) -> Iterator[tuple[int, Cells]]:
    """Each Appointment with its position among the Appointments, counted from 1. Raises UnreadableFile."""
    entries = _objects(value.get("entry")) if value["resourceType"] == "Bundle" else [{"resource": value}]
    resources = [(_text(entry.get("fullUrl")), _object(entry.get("resource"))) for entry in entries]
    appointments = [resource for _, resource in resources if resource.get("resourceType") == "Appointment"]
    if not appointments:
        raise file_error(ErrorCode.NO_APPOINTMENTS)
    check_row_count(len(appointments))
    index = _ResourceIndex(resources)
    for number, appointment in enumerate(appointments, start=1):
        cells = _cells(appointment, index)
        yield number, {name: checked_cell(number, cell) for name, cell in cells.items()}


class _ResourceIndex:
    """The resources of a bundle by every address that a reference may use."""

    def __init__(self, resources: list[tuple[str, _Resource]]) -> None:
        self._by_address: dict[str, _Resource] = {}
        for url, resource in resources:
            kind, resource_id = _text(resource.get("resourceType")), _text(resource.get("id"))
            identifiers = map(_identifier_address, _objects(resource.get("identifier")))
            for address in (url, f"{kind}/{resource_id}" if resource_id else "", *identifiers):
                if address:
                    self._by_address.setdefault(address, resource)

    def find(self, actor: _Resource, container: _Resource) -> _Resource:
        """The referenced resource; empty if it is not in the bundle. container: the resource with the reference."""
        reference = _text(actor.get("reference"))
        if not reference:
            return self._by_address.get(_identifier_address(_object(actor.get("identifier"))), {})
        if reference.startswith("#"):
            contained = _objects(container.get("contained"))
            return next((item for item in contained if _text(item.get("id")) == reference[1:]), {})
        address = _without_version(reference)
        return self._by_address.get(address) or self._by_address.get(_relative(address), {})


def _identifier_address(identifier: _Resource) -> str:
    """A logical identifier as an address. No other address contains a space."""
    value = _text(identifier.get("value"))
    return f"{_text(identifier.get('system'))} {value}" if value else ""


def _without_version(reference: str) -> str:
    return reference.partition("/_history/")[0]


def _relative(reference: str) -> str:
    """Patient/1 for https://ehr.example.org/fhir/Patient/1."""
    return "/".join(reference.rsplit("/", 2)[-2:])


def _cells(appointment: _Resource, index: _ResourceIndex) -> Cells:
    status, start = _text(appointment.get("status")), _text(appointment.get("start"))
    patient, location = _participant(appointment, index, "Patient"), _participant(appointment, index, "Location")
    site_name = _text(location.get("name")) or _text(location.get("display"))
    deceased = patient.get("deceasedBoolean") is True or _text(patient.get("deceasedDateTime"))
    warning = "deceased" if deceased else "not_agreed" if status in _NOT_AGREED else ""
    return {
        "appointment_id": _appointment_id(appointment),
        "phone": _phone(patient, start),
        "starts_at": start,
        "site": _text(location.get("id")) or site_name,
        SITE_NAME: site_name,
        PATIENT_LANGUAGES: ",".join(_languages(patient)),
        "first_name": _first_name(patient),
        "status": _STATUSES.get(status, status),
        "channel": "none" if warning else "",
        WARNING_CODE: warning,
    }


def _appointment_id(appointment: _Resource) -> str:
    identifiers = [item for item in _objects(appointment.get("identifier")) if item.get("use") in _USES]
    best = min(identifiers, key=lambda item: _USES.index(item.get("use")), default={})
    return _text(best.get("value")) or _text(appointment.get("id"))


def _participant(appointment: _Resource, index: _ResourceIndex, kind: str) -> _Resource:
    """The first participant of a kind: its resource, or the id and display of the reference."""
    for participant in _objects(appointment.get("participant")):
        actor = _object(participant.get("actor"))
        resource = index.find(actor, appointment)
        reference_kind, _, reference_id = _relative(_without_version(_text(actor.get("reference")))).partition("/")
        if kind in (resource.get("resourceType"), actor.get("type"), reference_kind):
            return {"id": reference_id, "display": _text(actor.get("display")), **resource}
    return {}


def _phone(patient: _Resource, start: str) -> str:
    """The preferred number that is still in use at the start of the appointment."""
    phones = [
        contact
        for contact in _objects(patient.get("telecom"))
        if contact.get("system") in _PHONE_SYSTEMS and _text(contact.get("value")) and not _is_old(contact, start)
    ]
    return _text(min(phones, key=_preference, default={}).get("value")).removeprefix("tel:")


def _is_old(contact: _Resource, start: str) -> bool:
    end = _text(_object(contact.get("period")).get("end"))
    # A FHIR date may be only a year, or a year and a month.
    return contact.get("use") == "old" or bool(end) and end[:10] < start[:10][: len(end)]


def _preference(contact: _Resource) -> tuple[bool, int, bool]:
    """Mobile numbers first, then by rank (1 is best), then home before work, where others may read texts."""
    receives_texts = contact.get("use") == "mobile" or contact.get("system") == "sms"
    rank = contact.get("rank")
    return not receives_texts, rank if isinstance(rank, int) else _LAST_RANK, contact.get("use") == "work"


def _first_name(patient: _Resource) -> str:
    names = [name for name in _objects(patient.get("name")) if name.get("use") not in ("old", "maiden")]
    usual = [name for name in names if name.get("use") == "usual"]
    given = (_text(part) for name in usual + names for part in _list(name.get("given")))
    return next(filter(None, given), "")


def _languages(patient: _Resource) -> Iterator[str]:
    """The languages of a patient, preferred first: the code of each or, if it has none, the name."""
    spoken = sorted(_objects(patient.get("communication")), key=lambda item: item.get("preferred") is not True)
    for communication in spoken:
        language = _object(communication.get("language"))
        codes = [_text(coding.get("code")) for coding in _objects(language.get("coding"))]
        name = next(filter(None, [*codes, _text(language.get("text"))]), "").replace(",", " ").strip()
        if name:
            yield name[:_MAX_LANGUAGE_LENGTH]


def _objects(value: object) -> list[_Resource]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> _Resource:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
