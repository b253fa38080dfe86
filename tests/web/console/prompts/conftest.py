from __future__ import annotations

import pytest

from ivr.line.content.loader import read_content, read_folder
from ivr.releases.store import publish_release
from tests.support.clinic import NOW
from tests.support.paths import ROOT


@pytest.fixture
def published(console):
    """A console whose live words are the shipped ones."""
    publish_release(console.services.ledger, read_content(read_folder(ROOT / "prompts")), NOW, "release", "", "folder")
    return console
