"""The cells with few distinct values, so they can be cached: site, time zone, language, channel, and status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ivr.i18n import Values
from ivr.line.content.config import Config, Site
from ivr.line.locales.language_names import LanguageNames, english_name
from ivr.reminders.imports.columns import (
    CANCELED,
    FLAGS,
    MISSING_ELEMENTS,
    NO_SHOW,
    NO_STATUS,
    NO_TEXTS,
    PATIENT_LANGUAGES,
    PERMISSION,
    SITE_NAMES,
    UNKNOWN_CODES,
    WARNING_CODES,
)
from ivr.reminders.imports.errors import ErrorCode
from ivr.reminders.imports.plain_text import plain
from ivr.reminders.imports.statuses import PARTICIPANT_STATUSES, Status, parse_status
from ivr.reminders.imports.timezones import parse_timezone

CATEGORY_COLUMNS = (
    *("site", "timezone", "language", "channel", "status"),
    *(*FLAGS, SITE_NAMES, PATIENT_LANGUAGES, WARNING_CODES, MISSING_ELEMENTS, UNKNOWN_CODES),
)
_CHANNELS = ("text", "call", "none")
_YES = ("true", "yes", "y", "1", "x", "t", "on", "checked", "si")
_NO = ("false", "no", "n", "0", "f", "off", "unchecked")
# A column, a code, and what its sentence names.
_Warning = tuple[str, str, str | Values]


class Categories(NamedTuple):
    """The categories of a row. errors, warnings: (column, code, detail). is_agreed: whether the time is agreed on."""

    timezone: str
    site: str
    language: str | None
    channel: str
    status: str
    is_agreed: bool
    errors: tuple[tuple[str, ErrorCode, str], ...]
    warnings: tuple[_Warning, ...]


class CategoryReader:
    def __init__(self, config: Config) -> None:
        self._sites = {site.id: site for site in config.sites}
        self._site_ids = _site_ids(config.sites)
        self._only_site = config.sites[0].id if len(config.sites) == 1 else ""
        self._languages = tuple(config.languages)
        self._language_names = LanguageNames(self._languages)

    def read(self, *values: str | None) -> Categories:
        """Read the cells of CATEGORY_COLUMNS, in that order; None for a column that the file does not have."""
        cells = {name: plain(value or "") for name, value in zip(CATEGORY_COLUMNS, values, strict=True)}
        has_permission = values[CATEGORY_COLUMNS.index(PERMISSION)] is not None
        site = self._site(cells["site"], *cells[SITE_NAMES].split("\n"))
        zone = parse_timezone(cells["timezone"]) if cells["timezone"] else None
        zone_name = zone.name if zone else self._sites[site].timezone if site in self._sites else "UTC"
        status, channel = _status(cells), cells["channel"].lower() or "text"
        missing, unknown = (
            (values[CATEGORY_COLUMNS.index(name)] or "").split() for name in (MISSING_ELEMENTS, UNKNOWN_CODES)
        )
        checks = (
            ("site", site in self._sites, ErrorCode.SITE, self._sites),
            ("timezone", zone or not cells["timezone"], ErrorCode.TIME_ZONE, ()),
            ("channel", channel in _CHANNELS, ErrorCode.CHANNEL, ()),
            ("status", status or cells["status"] == NO_STATUS, ErrorCode.STATUS, ()),
            ("status", cells["status"] != NO_STATUS, ErrorCode.MISSING, ()),
            *((element, False, ErrorCode.MISSING, ()) for element in missing),
            *((element, False, ErrorCode.CODE, PARTICIPANT_STATUSES) for element in unknown),
            (CANCELED, _flag(cells[CANCELED]) is not None, ErrorCode.FLAG, ()),
            (NO_SHOW, _flag(cells[NO_SHOW]) is not None, ErrorCode.FLAG, ()),
        )
        errors = tuple((name, code, ", ".join(choices)) for name, valid, code, choices in checks if not valid)
        language, language_warnings = self._language(cells)
        no_texts = _no_text_warnings(cells, status, has_permission)
        warnings = [
            *language_warnings,
            *([("timezone", "fixed_offset", "")] if zone and zone.is_fixed else []),
            *([("phone", "second_patient", "")] if "second_patient" in cells[WARNING_CODES] else []),
            *no_texts,
        ]
        if channel == "text" and no_texts:
            channel = "none"
        status = status or Status("booked")
        return Categories(zone_name, site, language, channel, *status, errors, tuple(warnings))

    def _site(self, *names: str) -> str:
        """The id of the site that the first known id or name refers to."""
        given = [name.lower() for name in names if name]
        if not given:
            return self._only_site
        return next((self._site_ids[name] for name in given if name in self._site_ids), given[0])

    def _language(self, cells: dict[str, str]) -> tuple[str | None, list[_Warning]]:
        """The first language that the line supports, and a warning if it is not the preferred one."""
        names = cells[PATIENT_LANGUAGES].split(",") if cells[PATIENT_LANGUAGES] else [cells["language"]]
        if not names[0]:
            return None, []
        codes = [self._language_names.code(name) for name in names]
        code = next(filter(None, codes), None)
        if codes[0]:
            return code, []
        used = english_name(code or self._languages[0])
        return code, [("language", "language_not_spoken", {"language": english_name(names[0][:40]), "used": used})]


def _flag(cell: str) -> bool | None:
    """Whether a cell says yes; None if it is unclear. An empty cell says no."""
    word = cell.lower()
    return True if word in _YES else False if not word or word in _NO else None


def _status(cells: dict[str, str]) -> Status | None:
    """The status of a row; None if it is unknown. A cancellation in one of two columns is not lost."""
    status = parse_status(cells["status"]) if cells["status"] else Status("booked")
    if _flag(cells[CANCELED]):
        return Status("cancelled")
    return Status("missed") if _flag(cells[NO_SHOW]) and status != Status("cancelled") else status


def _no_text_warnings(cells: dict[str, str], status: Status | None, has_permission: bool) -> list[_Warning]:
    """Why the patient gets no texts, other than a status or a channel that says so."""
    codes = [code for code in ("deceased", "declined") if code in cells[WARNING_CODES].split(",")]
    found: list[_Warning] = [("status", code, "") for code in codes]
    if status and not status.is_agreed:
        found.append(("status", "not_agreed", ""))
    # An empty cell under a permission is no permission (47 CFR 64.1200: consent is given, not assumed).
    for column, allows in ((PERMISSION, True), (NO_TEXTS, False)):
        answer = _flag(cells[column])
        if answer is None:
            found.append((column, "permission_unclear", ""))
        elif answer is not allows and (has_permission or column != PERMISSION):
            found.append((column, "no_permission", ""))
    return found


def _site_ids(sites: Sequence[Site]) -> dict[str, str]:
    """Site ids by lower-case name, for the names that only one site has, and by id."""
    named: dict[str, set[str]] = {}
    for site in sites:
        for name in (*site.name.values(), *site.imported_as):
            named.setdefault(name.lower(), set()).add(site.id)
    return {**{name: next(iter(ids)) for name, ids in named.items() if len(ids) == 1}, **{s.id: s.id for s in sites}}
