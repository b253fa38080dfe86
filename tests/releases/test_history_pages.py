"""The pages of the history: each release with what it changed, read once."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import event, insert

from ivr.ledger import Ledger
from ivr.ledger.tables import release as releases
from ivr.line.content.loader import Content, read_content
from ivr.releases.history import release_history
from ivr.releases.store import pack, publish_release
from tests.releases.draft_files import changed

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
SECOND = changed("en/goodbye.md", "Take good care of yourself.", "Take very good care.")


def test_content_that_was_published_twice_is_in_the_history_twice(ledger: Ledger, content: Content) -> None:
    """This is the case after a rollback."""
    second = read_content(SECOND)
    for published, origin in ((content, "folder"), (second, "folder"), (content, "rollback")):
        with ledger.write() as connection:
            values = {"parent": None, "at": NOW, "by": "x", "note": "", "origin": origin}
            connection.execute(
                insert(releases).values(digest=published.digest, content=pack(published.files), **values)
            )
    listed = [[name for name, _ in entry.changed or ()] for entry in release_history(ledger)]
    assert listed[:2] == [["en/goodbye.md"], ["en/goodbye.md"]]


def test_a_page_of_the_history_reads_only_its_releases_and_each_once(ledger: Ledger, content: Content) -> None:
    second = read_content(SECOND)
    for published in (content, second, content, second):
        publish_release(ledger, published, NOW, "ann", "", "folder")
    read = []
    event.listen(ledger.engine, "before_cursor_execute", lambda *call: read.append("release.content" in call[2]))
    pages = [release_history(ledger, slice(1, 3)) for _ in range(2)]
    assert [[entry.release.number for entry in page] for page in pages] == [[3, 2], [3, 2]]
    assert pages[0] == pages[1]
    assert [name for name, _ in pages[0][0].changed or ()] == ["en/goodbye.md"]
    # Releases 1, 2, and 3, for the first page alone.
    assert sum(read) == 3
