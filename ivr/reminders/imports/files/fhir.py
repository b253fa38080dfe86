"""A FHIR R4 Bundle of Appointments, with their Patients and Locations (https://hl7.org/fhir/R4/appointment.html)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeGuard

from ivr.i18n import N_
from ivr.reminders.imports.columns import NO_STATUS, PATIENT_LANGUAGES, SITE_NAMES, WARNING_CODES
from ivr.reminders.imports.errors import ErrorCode, RowError, composed, row_warning
from ivr.reminders.imports.files.cells import Cells, Row, check_row_count, checked_cell, file_error

_Resource = dict[str, Any]
_PHONE_SYSTEMS = ("phone", "sms")
# Uses of an identifier, best first. An identifier with another use, such as "old", is ignored.
_USES = ("official", "usual", None, "secondary", "temp")
_LAST_RANK = 1 << 31
_MAX_LANGUAGE_LENGTH = 40
# A patient may be in every appointment, so what is read of a patient is bounded: more would take quadratic time.
_MAX_REPEATS = 50
_MAX_LENGTH = 500


def is_fhir(value: object) -> TypeGuard[_Resource]:
    return isinstance(value, dict) and value.get("resourceType") in ("Bundle", "Appointment")


def rows_of_fhir(value: _Resource, warnings: list[RowError]) -> Iterator[Row]:
    """Each Appointment with its position among the Appointments, counted from 1.

    Adds a warning if pages are missing. Raises UnreadableFile.
    """
    entries = _objects(value.get("entry")) if value["resourceType"] == "Bundle" else [{"resource": value}]
    resources = [(_text(entry.get("fullUrl")), _object(entry.get("resource"))) for entry in entries]
    appointments = [resource for _, resource in resources if resource.get("resourceType") == "Appointment"]
    if not appointments:
        raise file_error(ErrorCode.NO_APPOINTMENTS)
    check_row_count(len(appointments))
    total, links = value.get("total"), _objects(value.get("link"))
    if any(link.get("relation") == "next" for link in links) or isinstance(total, int) and total > len(appointments):
        known = isinstance(total, int) and abs(total) < _LAST_RANK
        warnings.append(_more_pages(len(appointments), str(total) if known else ""))
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

    def find(self, actor: _Resource, contained: dict[str, _Resource]) -> _Resource:
        """The referenced resource; empty if it is not in the bundle. contained: those of the appointment, by id."""
        reference = _text(actor.get("reference"))
        if not reference:
            return self._by_address.get(_identifier_address(_object(actor.get("identifier"))), {})
        if reference.startswith("#"):
            return contained.get(reference[1:], {})
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
    start = _text(appointment.get("start"))
    patients, locations = _participants(appointment, index)
    present = [patient for patient in patients if not patient.declined]
    patient = (present or patients or [_Participant()])[0]
    accepted = [location for location in locations if not location.declined]
    names = [name for location in accepted[:_MAX_REPEATS] for name in location.names]
    warnings = [
        *(["declined"] if patient.declined else []),
        *(["deceased"] if _is_deceased(patient.resource) else []),
        *(["second_patient"] if len(present) > 1 else []),
    ]
    return {
        "appointment_id": _appointment_id(appointment),
        "phone": _phone(patient.resource, start),
        "starts_at": start,
        "site": names[0] if names else "",
        SITE_NAMES: "\n".join(names[1:]),
        PATIENT_LANGUAGES: ",".join(_languages(patient.resource)),
        "first_name": _first_name(patient.resource),
        "status": _text(appointment.get("status")) or NO_STATUS,
        WARNING_CODES: ",".join(warnings),
    }


def _is_deceased(patient: _Resource) -> bool:
    return patient.get("deceasedBoolean") is True or bool(_text(patient.get("deceasedDateTime")))


def _appointment_id(appointment: _Resource) -> str:
    identifiers = [item for item in _objects(appointment.get("identifier")) if item.get("use") in _USES]
    best = min(identifiers, key=lambda item: _USES.index(item.get("use")), default={})
    return _text(best.get("value")) or _text(appointment.get("id"))


class _Participant(NamedTuple):
    """resource: the patient or the location; empty if it is not in the bundle. id, display: of the reference."""

    resource: _Resource = {}
    id: str = ""
    display: str = ""
    declined: bool = False

    @property
    def names(self) -> list[str]:
        """What may name a site: the id and the name, best first."""
        names = (_text(self.resource.get("id")) or self.id, _text(self.resource.get("name")) or self.display)
        return [name for name in names if name]


def _participants(appointment: _Resource, index: _ResourceIndex) -> tuple[list[_Participant], list[_Participant]]:
    """The patients and the locations of an appointment, each once."""
    contained = {_text(item.get("id")): item for item in reversed(_objects(appointment.get("contained")))}
    found: dict[str, dict[str, _Participant]] = {"Patient": {}, "Location": {}}
    for participant in _objects(appointment.get("participant")):
        actor = _object(participant.get("actor"))
        resource = index.find(actor, contained)
        reference_kind, _, reference_id = _relative(_without_version(_text(actor.get("reference")))).partition("/")
        kinds = (resource.get("resourceType"), actor.get("type"), reference_kind)
        kind = next((kind for kind in found if kind in kinds), None)
        if kind:
            declined = participant.get("status") == "declined"
            item = _Participant(resource, reference_id, _text(actor.get("display")), declined)
            found[kind].setdefault(" ".join(item.names), item)
    return list(found["Patient"].values()), list(found["Location"].values())


def _phone(patient: _Resource, start: str) -> str:
    """The preferred number that is still in use at the start of the appointment."""
    phones = [
        contact
        for contact in _objects(patient.get("telecom"), _MAX_REPEATS)
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
    names = [name for name in _objects(patient.get("name"), _MAX_REPEATS) if name.get("use") not in ("old", "maiden")]
    usual = [name for name in names if name.get("use") == "usual"]
    given = (_text(part) for name in usual + names for part in _list(name.get("given"))[:_MAX_REPEATS])
    return next(filter(None, given), "")


def _languages(patient: _Resource) -> Iterator[str]:
    """The languages of a patient, preferred first: the code of each or, if it has none, the name."""
    spoken = sorted(
        _objects(patient.get("communication"), _MAX_REPEATS), key=lambda item: item.get("preferred") is not True
    )
    for communication in spoken:
        language = _object(communication.get("language"))
        codes = [_text(coding.get("code")) for coding in _objects(language.get("coding"), _MAX_REPEATS)]
        name = next(filter(None, [*codes, _text(language.get("text"))]), "").replace(",", " ").strip()
        if name:
            yield name[:_MAX_LANGUAGE_LENGTH]


def _objects(value: object, most: int | None = None) -> list[_Resource]:
    return [item for item in _list(value)[:most] if isinstance(item, dict)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> _Resource:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value[:_MAX_LENGTH].strip() if isinstance(value, str) else ""


def _more_pages(count: int, total: str) -> RowError:
    if not total:
        return row_warning(0, "", "more_pages", {"count": str(count)})
    sentence = N_(
        "This bundle is one page of a longer result (it has {count} of {total} appointments): import the other pages"
        " too."
    )
    return composed(0, "", "more_pages", (sentence, {"count": str(count), "total": total}))
