"""What is read of a Patient (https://hl7.org/fhir/R4/patient.html): the number, the name, and the languages."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.reminders.imports.files.fhir.resources import Resource, list_of, object_of, objects_of, text_of

_PHONE_SYSTEMS = ("phone", "sms")
_LAST_RANK = 1 << 31
_MAX_LANGUAGE_LENGTH = 40
# A patient may be in every appointment, so what is read of a patient is bounded: more would take quadratic time.
_MAX_REPEATS = 50


def is_deceased(patient: Resource) -> bool:
    return patient.get("deceasedBoolean") is True or bool(text_of(patient.get("deceasedDateTime")))


def phone_of(patient: Resource, start: str) -> str:
    """The preferred number that is still in use at the start of the appointment."""
    phones = [
        contact
        for contact in objects_of(patient.get("telecom"), _MAX_REPEATS)
        if contact.get("system") in _PHONE_SYSTEMS and text_of(contact.get("value")) and not _is_old(contact, start)
    ]
    return text_of(min(phones, key=_preference, default={}).get("value")).removeprefix("tel:")


def _is_old(contact: Resource, start: str) -> bool:
    end = text_of(object_of(contact.get("period")).get("end"))
    # A FHIR date may be only a year, or a year and a month.
    return contact.get("use") == "old" or bool(end) and end[:10] < start[:10][: len(end)]


def _preference(contact: Resource) -> tuple[bool, int, bool]:
    """Mobile numbers first, then by rank (1 is best), then home before work, where others may read texts."""
    receives_texts = contact.get("use") == "mobile" or contact.get("system") == "sms"
    rank = contact.get("rank")
    return not receives_texts, rank if isinstance(rank, int) else _LAST_RANK, contact.get("use") == "work"


def first_name_of(patient: Resource) -> str:
    names = [name for name in objects_of(patient.get("name"), _MAX_REPEATS) if name.get("use") not in ("old", "maiden")]
    usual = [name for name in names if name.get("use") == "usual"]
    given = (text_of(part) for name in usual + names for part in list_of(name.get("given"))[:_MAX_REPEATS])
    return next(filter(None, given), "")


def languages_of(patient: Resource) -> Iterator[str]:
    """The languages of a patient, preferred first: the code of each or, if it has none, the name."""
    spoken = sorted(
        objects_of(patient.get("communication"), _MAX_REPEATS), key=lambda item: item.get("preferred") is not True
    )
    for communication in spoken:
        language = object_of(communication.get("language"))
        codes = [text_of(coding.get("code")) for coding in objects_of(language.get("coding"), _MAX_REPEATS)]
        name = next(filter(None, [*codes, text_of(language.get("text"))]), "").replace(",", " ").strip()
        if name:
            yield name[:_MAX_LANGUAGE_LENGTH]
