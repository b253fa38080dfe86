"""The guides for schedulers and operators name the buttons and pages of the console as the console does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from ivr.line.content.loader import Content
from tests.docs.pages import page_id
from tests.support.paths import ROOT

CATALOG = ROOT / "ivr/web/console/translations/es/LC_MESSAGES/messages.po"
GUIDES = [ROOT / "docs/schedulers.md", ROOT / "docs/operators.md"]


def console_words() -> set[str]:
    with CATALOG.open("rb") as file:
        return {form for message in read_po(file) for form in _forms(message.id)}


def _forms(message_id: str | tuple[str, ...]) -> tuple[str, ...]:
    return (message_id,) if isinstance(message_id, str) else tuple(message_id)


@pytest.mark.parametrize("page", GUIDES, ids=page_id)
def test_every_label_in_a_guide_is_one_of_the_console(page: Path) -> None:
    """A label that ends with … stands for one that goes on, such as with a number."""
    known = console_words()
    labels = [" ".join(label.split()) for label in re.findall(r"\*\*([^*]+)\*\*", page.read_text())]
    assert len(labels) > 5
    for label in labels:
        if label not in known:
            start = label.removesuffix("…")
            assert start != label, label
            assert any(words.startswith(start) for words in known), label


def test_the_tabs_of_the_work_list_are_those_of_the_console() -> None:
    table = (ROOT / "docs/schedulers.md").read_text().split("| tab |")[1].split("\n\n")[0]
    tabs = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    template = (ROOT / "ivr/web/console/work/templates/work/_tabs.html").read_text()
    shown = re.findall(r'_\("([^"]+)"\)', template)
    assert [tab for tab in shown if tab in tabs] == tabs
    assert set(shown) - set(tabs) <= {"Done lately", "Take", "Nobody", "You"}


def test_the_table_of_texts_lists_the_steps_of_the_plan(content: Content) -> None:
    table = (ROOT / "docs/schedulers.md").read_text().split("| text | when |")[1].split("\n\n")[0]
    steps = content.config.reminders.plan
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [step.id for step in steps]
