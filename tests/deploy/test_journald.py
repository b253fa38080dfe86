"""`deploy/journald.conf`: journald ignores a setting that it does not know, with nothing but a line in its own log."""

from __future__ import annotations

import re
from configparser import ConfigParser

import pytest

from tests.support.paths import ROOT

SIZE, SPAN, NUMBER = r"\d+[KMGT]?", r"\d+(s|min|h|day|week|month|year)?", r"\d+"
BOOLEAN = r"yes|no|true|false|on|off|1|0"
# https://www.freedesktop.org/software/systemd/man/latest/journald.conf.html: the settings, and their values.
KNOWN = {
    "Storage": "volatile|persistent|auto|none",
    "Compress": rf"{BOOLEAN}|{SIZE}",
    "Seal": BOOLEAN,
    "SplitMode": "uid|none",
    "RateLimitIntervalSec": SPAN,
    "RateLimitBurst": NUMBER,
    "SystemMaxUse": SIZE,
    "SystemKeepFree": SIZE,
    "SystemMaxFileSize": SIZE,
    "SystemMaxFiles": NUMBER,
    "RuntimeMaxUse": SIZE,
    "RuntimeKeepFree": SIZE,
    "RuntimeMaxFileSize": SIZE,
    "RuntimeMaxFiles": NUMBER,
    "MaxRetentionSec": SPAN,
    "MaxFileSec": SPAN,
    "SyncIntervalSec": SPAN,
    "ForwardToSyslog": BOOLEAN,
    "MaxLineBytes": SIZE,
    "ReadKMsg": BOOLEAN,
    "Audit": BOOLEAN,
}


@pytest.fixture(scope="module")
def journal() -> dict[str, str]:
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((ROOT / "deploy/journald.conf").read_text())
    assert parser.sections() == ["Journal"]
    return dict(parser["Journal"])


def test_journald_knows_each_setting_and_takes_its_value(journal: dict[str, str]) -> None:
    assert journal
    for name, value in journal.items():
        assert name in KNOWN, f"journald ignores {name}"
        assert re.fullmatch(KNOWN[name], value), f"{name}={value}"


def test_the_page_about_watching_names_the_same_limits(journal: dict[str, str]) -> None:
    page = (ROOT / "docs/operations/watch.md").read_text()
    days, size = journal["MaxRetentionSec"].removesuffix("day"), journal["SystemMaxUse"]
    assert f"`deploy/journald.conf` keeps {days} days, at most {int(size[:-1])} {size[-1]}B" in page
    assert journal["Storage"] == "persistent"
