from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from ivr.ledger import Ledger
from ivr.line.content.loader import Content, read_content
from ivr.releases.drafts import Drafts
from ivr.releases.store import publish_release
from tests.releases.draft_files import NOW, SHIPPED, quick_check
from tests.support.explored import explore_once

__all__ = ["content", "drafts", "explore_once"]


@pytest.fixture(scope="session")
def content(content: Content) -> Content:
    """The shipped content with few training questions: most tests pack and unpack it several times."""
    return read_content(SHIPPED)


@pytest.fixture
def drafts(ledger: Ledger) -> Drafts:
    publish_release(ledger, read_content(SHIPPED), NOW, "release", "", "folder")
    return Drafts(ledger, ZoneInfo("America/New_York"), quick_check)
