from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from ivr.ledger import Ledger
from ivr.line.content.loader import read_content
from ivr.releases.drafts import Drafts
from ivr.releases.store import publish_release
from tests.releases.draft_files import NOW, SHIPPED, quick_check


@pytest.fixture
def drafts(ledger: Ledger) -> Drafts:
    publish_release(ledger, read_content(SHIPPED), NOW, "release", "", "folder")
    return Drafts(ledger, ZoneInfo("America/New_York"), quick_check)
