"""The cells with few distinct values, so they can be cached: site, time zone, language, channel, and status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import available_timezones

from ivr.line.content.config import Config, Site
from ivr.line.locales.language_names import LanguageNames, english_name
from ivr.reminders.imports.errors import ErrorCode

# Columns that only FHIR fills; no header can have these names. The languages are separated by commas, preferred first.
SITE_NAME, PATIENT_LANGUAGES, WARNING_CODE = "(site name)", "(patient languages)", "(warning code)"
CATEGORY_COLUMNS = ("site", "timezone", "language", "channel", "status", SITE_NAME, PATIENT_LANGUAGES, WARNING_CODE)
_CHANNELS = ("text", "call", "none")
_STATUSES = ("booked", "cancelled", "attended", "missed")
# Terms that scheduling programs use.
_STATUS_ALIASES = {
    "canceled": "cancelled",
    "scheduled": "booked",
    "arrived": "attended",
    "completed": "attended",
    "no show": "missed",
    "noshow": "missed",
}
# localtime is the setting of this computer, and Factory is a placeholder.
_ZONES = frozenset(available_timezones()) - {"localtime", "Factory"}


class Categories(NamedTuple):
    """The categories of a row. errors, warnings: (column, code, detail)."""

    timezone: str
    site: str
    language: str | None
    channel: str
    status: str
    errors: tuple[tuple[str, ErrorCode, str], ...]
    warnings: tuple[tuple[str, str, str], ...]


class CategoryReader:
    def __init__(self, config: Config) -> None:
        self._sites = {site.id: site for site in config.sites}
        self._site_ids = _site_ids(config.sites)
        self._only_site = config.sites[0].id if len(config.sites) == 1 else ""
        self._languages = tuple(config.languages)
        self._language_names = LanguageNames(self._languages)

    def read(self, *values: str) -> Categories:
        """Read the cells of CATEGORY_COLUMNS, in that order."""
        cells = {name: value.strip() for name, value in zip(CATEGORY_COLUMNS, values, strict=True)}
        site = self._site(cells["site"], cells[SITE_NAME])
        zone = cells["timezone"] or (self._sites[site].timezone if site in self._sites else "UTC")
        language = self._language_names.code(cells["language"])
        channel = cells["channel"].lower() or "text"
        status = cells["status"].lower() or "booked"
        status = _STATUS_ALIASES.get(status.replace("-", " "), status)
        checks = (
            ("site", site in self._sites, ErrorCode.SITE, self._sites),
            ("timezone", zone in _ZONES, ErrorCode.TIME_ZONE, ()),
            ("language", not cells["language"] or language, ErrorCode.LANGUAGE, self._languages),
            ("channel", channel in _CHANNELS, ErrorCode.CHANNEL, ()),
            ("status", status in _STATUSES, ErrorCode.STATUS, ()),
        )
        errors = tuple((name, code, ", ".join(choices)) for name, valid, code, choices in checks if not valid)
        warnings = [("status", cells[WARNING_CODE], "")] if cells[WARNING_CODE] else []
        if cells[PATIENT_LANGUAGES]:
            language, unsupported = self._spoken(cells[PATIENT_LANGUAGES].split(","))
            warnings += unsupported
        return Categories(zone if zone in _ZONES else "UTC", site, language, channel, status, errors, tuple(warnings))

    def _site(self, *names: str) -> str:
        """The id of the site that the first known id or name refers to."""
        given = [name.lower() for name in names if name]
        if not given:
            return self._only_site
        return next((self._site_ids[name] for name in given if name in self._site_ids), given[0])

    def _spoken(self, languages: list[str]) -> tuple[str | None, list[tuple[str, str, str]]]:
        """The first language that the line supports, and a warning if it is not the preferred one."""
        codes = [self._language_names.code(language) for language in languages]
        code = next(filter(None, codes), None)
        if codes[0]:
            return code, []
        used = english_name(code or self._languages[0])
        return code, [("language", "language_not_spoken", f"{english_name(languages[0])}: the texts are in {used}")]


def _site_ids(sites: Sequence[Site]) -> dict[str, str]:
    """Site ids by lower-case name, for the names that only one site has, and by id."""
    named: dict[str, set[str]] = {}
    for site in sites:
        for name in site.name.values():
            named.setdefault(name.lower(), set()).add(site.id)
    return {**{name: next(iter(ids)) for name, ids in named.items() if len(ids) == 1}, **{s.id: s.id for s in sites}}
