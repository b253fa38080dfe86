"""line.yaml in the draft: read, and changed one value at a time, so that comments and all else stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr.line.content.config import Config
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import LINE_FILE, read_line_file
from ivr.line.content.yaml_edit import replace_value
from ivr.line.content.yaml_source import Path, decode_text
from ivr.line.lint.single_prompt import proof_prompt
from ivr.releases.drafts import Draft
from ivr.web.console.prompts.drafted import open_draft, readable_content
from ivr.web.console.prompts.editing.editor_form import sentences_of
from ivr.web.console.prompts.unready import UnreadableLineFile
from ivr.web.console.words import gettext


@dataclass(frozen=True)
class LineFile:
    """The draft and its configuration."""

    draft: Draft
    config: Config

    @property
    def version(self) -> str:
        return self.draft.version(LINE_FILE)

    def changed(self, values: Mapping[Path, str]) -> bytes:
        """The file with other values. Raises Refused."""

        def replace_all(text: str) -> str:
            for path, value in values.items():
                text = replace_value(text, path, value)
            return text

        return self.edited(replace_all)

    def edited(self, edit: Callable[[str], str]) -> bytes:
        """The file after a change, which raises KeyError where it cannot be made. Raises Refused."""
        before = self.draft.files[LINE_FILE]
        try:
            text = edit(decode_text(LINE_FILE, before))
        except KeyError:
            raise Refused(
                gettext("line.yaml writes this over several lines, so it cannot be changed here: edit the file.")
            ) from None
        content = readable_content(self.draft)
        earlier = {finding.message for finding in proof_prompt(content, LINE_FILE, before).findings}
        findings = proof_prompt(content, LINE_FILE, text.encode()).findings
        new = [item for item in findings if item.level == "error" and item.message not in earlier]
        if new:
            raise Refused(sentences_of(new))
        return text.encode()


class Refused(ValueError):
    """The values cannot be saved; the message says why."""


def open_line_file() -> LineFile:
    """Raises NoDraft, and UnreadableLineFile."""
    draft = open_draft()
    try:
        config, _ = read_line_file(draft.files[LINE_FILE])
        return LineFile(draft, config)
    except (BrokenPrompts, KeyError):
        raise UnreadableLineFile from None
