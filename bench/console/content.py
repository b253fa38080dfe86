"""What operators and callers have left in a large hospital's line: questions, releases, a draft, and alarms."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, update

from ivr.i18n import sentence
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import alarm, alarm_event, release, unanswered
from ivr.line.content.loader import content_digest
from ivr.releases.drafts import Drafts
from ivr.releases.store import pack, stored_files
from ivr.reminders.alarms import Alarm
from ivr.shipped import ROOT

# Clusters compare so many of the newest wordings of a language at most.
MOST_QUESTIONS = 2_000
RELEASES, ALARMS = 500, 500
EDITED = "en/cancer.md"
_DRAFTED = (EDITED, "en/cost.md", "en/dense.md", "en/prevent.md", "es/cancer.md", "es/cost.md", "line.yaml")
_BY, _DETAIL = "User 1", "What the other system said."


def fill_content(ledger: Ledger, vault: Vault, appointments: int) -> None:
    """Add rows to a line that has published its folder. appointments: how large the hospital is."""
    now = datetime.now(UTC)
    add_questions(ledger, vault, min(MOST_QUESTIONS, max(20, appointments // 500)), now)
    add_releases(ledger, max(5, min(RELEASES, appointments // 2_000)), now)
    add_draft(ledger, now)
    add_alarms(ledger, now)


def add_questions(ledger: Ledger, vault: Vault, count: int, now: datetime) -> None:
    """Different wordings of the example questions, which the line would understand."""
    lines = (ROOT / "prompts/en/questions.tsv").read_text(encoding="utf-8").splitlines()
    wordings = list(dict.fromkeys(line.partition("\t")[2] for line in lines))
    rows = [
        {
            "id": f"u{number}",
            "at": now - timedelta(minutes=20 * number),
            "source": "text",
            "language": "en",
            "words_sealed": vault.seal(words),
        }
        for number, words in enumerate(wordings[:: max(1, len(wordings) // count)][:count])
    ]
    with ledger.write() as connection:
        connection.execute(insert(unanswered), rows)


def add_releases(ledger: Ledger, count: int, now: datetime) -> None:
    """Releases that change one file there and back, so that the live one has the words of the first one again."""
    with ledger.read() as connection:
        first = connection.execute(select(release)).one()
    files = stored_files(ledger, first.digest) or {}
    changed = {**files, EDITED: edited(files[EDITED], "Changed.")}
    contents = ((content_digest(changed), pack(changed)), (first.digest, first.content))
    with ledger.write() as connection:
        connection.execute(update(release).values(at=now - timedelta(days=count + 2)))
        parent = first.digest
        for number in range(2 * (count // 2)):
            digest, blob = contents[number % 2]
            at = now - timedelta(days=count + 1 - number)
            values = {"digest": digest, "parent": parent, "content": blob, "by": _BY, "at": at}
            connection.execute(insert(release).values(**values, note=f"Change {number}", origin="console"))
            parent = digest


def add_draft(ledger: Ledger, now: datetime) -> None:
    """Changes to words that need a sign-off, and to the file of hours and menus."""
    drafts = Drafts(ledger, UTC)
    files = drafts.open().live_files
    for name in _DRAFTED:
        data = files[name] + b"# A note.\n" if name.endswith(".yaml") else edited(files[name], "Ask us about it.")
        drafts.save(name, data, _BY, now, None)


def edited(data: bytes, words: str) -> bytes:
    """A prompt file with a further sentence."""
    return data.replace(b"\n\n", f"\n\n{words} ".encode(), 1)


def add_alarms(ledger: Ledger, now: datetime) -> None:
    """A history, whose newest two go on."""
    names, detail = list(Alarm), json.dumps(sentence("{text}", text=_DETAIL))
    rows = [
        {
            "name": names[number % len(names)],
            "raised_at": now - timedelta(hours=number + 1),
            "detail": detail,
            "seen_at": now - timedelta(hours=number),
            "seen_by": _BY,
            "ended_at": None if number < 2 else now - timedelta(hours=number),
        }
        for number in range(ALARMS)
    ]
    active = [{"name": row["name"], "raised_at": row["raised_at"], "detail": _DETAIL} for row in rows[:2]]
    with ledger.write() as connection:
        connection.execute(insert(alarm_event), rows)
        connection.execute(insert(alarm), active)
