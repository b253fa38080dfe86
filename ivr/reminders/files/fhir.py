"""A FHIR R4 Bundle of Appointment, with its Patient and Location resources (https://hl7.org/fhir/R4/appointment.html)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

from ivr.reminders.faults import FileFault, fault
from ivr.reminders.files.unreadable import Cells, UnreadableFile, checked, refuse_too_many

_Resource = dict[str, Any]
# https://hl7.org/fhir/R4/valueset-appointmentstatus.html
_STATUSES = {
    "proposed": "booked",
    "pending": "booked",
    "booked": "booked",
    "arrived": "booked",
    "checked-in": "booked",
    "waitlist": "booked",
    "fulfilled": "attended",
    "noshow": "missed",
    "cancelled": "cancelled",
    "entered-in-error": "cancelled",
}
_PHONES = ("phone", "sms")
_LAST_RANK = 1 << 31


def is_fhir(value: object) -> TypeGuard[_Resource]:
    return isinstance(value, dict) and value.get("resourceType") in ("Bundle", "Appointment")


def rows_of_fhir(value: _Resource) -> Iterator[tuple[int, Cells]]:
    """Each Appointment with its position among them, the first is 1. Raises UnreadableFile."""
    entries = _objects(value.get("entry")) if value["resourceType"] == "Bundle" else [{"resource": value}]
    resources = [(_words(entry.get("fullUrl")), _object(entry.get("resource"))) for entry in entries]
    appointments = [resource for _, resource in resources if resource.get("resourceType") == "Appointment"]
    if not appointments:
        raise UnreadableFile(fault(0, "", FileFault.NO_APPOINTMENTS))
    refuse_too_many(len(appointments))
    known = _Known(resources)
    for number, appointment in enumerate(appointments, start=1):
        cells = _cells(appointment, known)
        yield number, {name: checked(number, cell) for name, cell in cells.items()}


class _Known:
    """The resources of a bundle by each address that a reference may use."""

    def __init__(self, resources: list[tuple[str, _Resource]]) -> None:
        self._by_address: dict[str, _Resource] = {}
        for url, resource in resources:
            kind, own_id = _words(resource.get("resourceType")), _words(resource.get("id"))
            for address in (url, f"{kind}/{own_id}" if own_id else ""):
                if address:
                    self._by_address.setdefault(address, resource)

    def find(self, reference: str, inside: _Resource) -> _Resource:
        """The resource that a reference means, empty if the bundle has none. inside: the resource that refers."""
        if reference.startswith("#"):
            contained = _objects(inside.get("contained"))
            return next((one for one in contained if _words(one.get("id")) == reference[1:]), {})
        versionless = reference.partition("/_history/")[0]
        return self._by_address.get(versionless) or self._by_address.get(_relative(versionless), {})


def _relative(reference: str) -> str:
    """Patient/1 of https://ehr.example.org/fhir/Patient/1."""
    return "/".join(reference.rsplit("/", 2)[-2:])


def _cells(appointment: _Resource, known: _Known) -> Cells:
    status = _words(appointment.get("status"))
    patient, location = _taking_part(appointment, known, "Patient"), _taking_part(appointment, known, "Location")
    identifier = next(iter(_objects(appointment.get("identifier"))), {})
    return {
        "appointment_id": _words(identifier.get("value")) or _words(appointment.get("id")),
        "phone": _phone(patient),
        "starts_at": _words(appointment.get("start")),
        "site": _words(location.get("id")) or _words(location.get("display")),
        "language": _language(patient),
        "first_name": _first_name(patient),
        "status": _STATUSES.get(status, status),
    }


def _taking_part(appointment: _Resource, known: _Known, kind: str) -> _Resource:
    """The first participant of a kind: its resource, or what the reference alone tells of it."""
    for participant in _objects(appointment.get("participant")):
        actor = _object(participant.get("actor"))
        reference = _words(actor.get("reference"))
        found = known.find(reference, appointment)
        named = _relative(reference.partition("/_history/")[0]).partition("/")
        if kind in (found.get("resourceType"), actor.get("type"), named[0]):
            told = {"id": named[2], "display": _words(actor.get("display"))}
            return {**told, **found}
    return {}


def _phone(patient: _Resource) -> str:
    """The mobile number first, then by rank, of which 1 is the first."""
    phones = [
        contact
        for contact in _objects(patient.get("telecom"))
        if contact.get("system") in _PHONES and contact.get("use") != "old" and _words(contact.get("value"))
    ]
    chosen = min(phones, key=lambda one: (not _takes_texts(one), _rank(one)), default={})
    return _words(chosen.get("value")).removeprefix("tel:")


def _takes_texts(contact: _Resource) -> bool:
    return contact.get("use") == "mobile" or contact.get("system") == "sms"


def _rank(contact: _Resource) -> int:
    rank = contact.get("rank")
    return rank if isinstance(rank, int) else _LAST_RANK


def _first_name(patient: _Resource) -> str:
    names = [name for name in _objects(patient.get("name")) if name.get("use") not in ("old", "maiden")]
    usual = [name for name in names if name.get("use") == "usual"]
    given = (_words(one) for name in usual + names for one in _list(name.get("given")))
    return next(filter(None, given), "")


def _language(patient: _Resource) -> str:
    """es of es-MX: of the language that is preferred, else of the first."""
    spoken = sorted(_objects(patient.get("communication")), key=lambda one: one.get("preferred") is not True)
    for one in spoken:
        for coding in _objects(_object(one.get("language")).get("coding")):
            code = _words(coding.get("code"))
            if code:
                return code.partition("-")[0].lower()
    return ""


def _objects(value: object) -> list[_Resource]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> _Resource:
    return value if isinstance(value, dict) else {}


def _words(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
