"""The pages to measure: all GET endpoints of the console, with addresses that lead to real rows."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from flask import Flask
from werkzeug.routing import Rule

from bench.console.data import BIG_BATCH


class Kind(StrEnum):
    """What is asked of an address. DOWNLOAD: nothing, because it takes as long as the file is large."""

    PAGE = "page"
    LIVE = "live part"
    DOWNLOAD = "download"


ASKED_MS = {Kind.PAGE: 100.0, Kind.LIVE: 20.0}
LIVE_HEADERS = {"HX-Request": "true", "X-Live": "1"}
LIVE = {
    "today.waiting",
    "today.numbers_block",
    "reminders.batch_live",
    "reminders.progress",
    "prompts.checked",
    "settings.doctor_live",
}
# Pages that answer a request for their live part with that part.
WITH_LIVE_PART = {"prompts.publishing"}
DOWNLOADS = {"settings.audit_csv", "reminders.download", "reminders.rows_to_mend", "prompts.listen"}
_LIVE_PART = re.compile(r'hx-get="([^"]+)" hx-trigger="every')
# Says how the part looks; without it, the part is sent although nothing has changed.
_LOOK = re.compile(r"&look=\w+")
# Files, steps of a sign-in that is under way, and recordings that the shipped prompts do not have.
LEFT_OUT = {
    "static",
    "bootstrap.static",
    "security.static",
    "security.login",
    "security.tf_select",
    "security.two_factor_rescue",
    "security.two_factor_setup",
    "security.two_factor_token_validation",
    "security.mf_recovery",
    "sign_in.invitation",
    "sign_in.oidc_return",
    "prompts.kept_sound",
    "prompts.both_recordings",
    "prompts.recording",
}
# Addresses with more to do than the plain one.
MORE = {
    "reminders.batches": ("?page=500",),
    "reminders.batch": ("?appointment=A7",),
    "settings.audit_log": ("?from=2000-01-01&page=500", "?kind=person_read", "?who=console+user+1", "?appointment=A7"),
    "work.callbacks": ("?page=10",),
    "work.landlines": ("?page=20",),
    "today.line": ("?days=30",),
}


@dataclass(frozen=True)
class Page:
    endpoint: str
    path: str
    kind: Kind


def pages(console: Flask, upload_id: str) -> Iterator[Page]:
    """Every GET endpoint. upload_id: of a file that has been read. Raises KeyError for an argument without a value."""
    values = {
        "batch_id": str(BIG_BATCH),
        "appointment_id": "A7",
        "person_id": "8",
        "item_id": "1",
        "user_id": "2",
        "number": "1",
        "language": "en",
        "name": "cancer",
        "entry": "central-scheduling",
        "upload_id": upload_id,
        "day": (datetime.now(UTC) + timedelta(days=3)).date().isoformat(),
    }
    for rule in sorted(console.url_map.iter_rules(), key=lambda rule: (rule.endpoint, rule.rule)):
        if "GET" in (rule.methods or ()) and rule.endpoint not in LEFT_OUT:
            path = f"/console{_path(rule, values)}"
            for more in ("", *MORE.get(rule.endpoint, ())):
                yield Page(rule.endpoint, path + more, _kind(rule.endpoint))
            if rule.endpoint in WITH_LIVE_PART:
                yield Page(rule.endpoint, path, Kind.LIVE)


def own_part(page: Page, text: str) -> Iterator[Page]:
    """The part of a page that it replaces by asking for its own address: as it is, and as if it had changed."""
    for found in _LIVE_PART.findall(text):
        address = html.unescape(found)
        if address.partition("?")[0] == page.path.partition("?")[0]:
            for each in sorted({address, _LOOK.sub("", address)}):
                yield Page(page.endpoint, each, Kind.LIVE)


def _kind(endpoint: str) -> Kind:
    if endpoint in LIVE:
        return Kind.LIVE
    return Kind.DOWNLOAD if endpoint in DOWNLOADS else Kind.PAGE


def _path(rule: Rule, values: dict[str, str]) -> str:
    choices = {"change": "opt-out", "kind": "cancel"}
    built = rule.build({name: {**values, **choices}[name] for name in rule.arguments}, append_unknown=False)
    if built is None:
        raise KeyError(rule.rule)
    return built[1]
