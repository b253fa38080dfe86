"""The shared draft as the pages need it: split into fields and words, and read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import abort

from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_content
from ivr.releases.drafts import Draft, Drafts, NoDraft
from ivr.web.console.context import live_line, services

_FENCE = "---\n"
# Of the name of a language, such as en.
_CODE_LENGTH = 2


@dataclass(frozen=True)
class PromptFile:
    """A prompt file in two parts: the fields between the lines of hyphens, and the words below them."""

    fields: str
    words: str

    @classmethod
    def of(cls, data: bytes) -> PromptFile:
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        if not text.startswith(_FENCE):
            return cls("", text)
        fields, _, words = text.removeprefix(_FENCE).partition(_FENCE)
        return cls(fields, words)

    def with_words(self, words: str) -> bytes:
        """The file with other words, typed in a browser, whose lines end in CR LF."""
        words = words.replace("\r\n", "\n").strip("\n") + "\n"
        return f"{_FENCE}{self.fields}{_FENCE}{words}".encode() if self.fields else words.encode()


def drafts() -> Drafts:
    return Drafts(services().ledger, live_line().content.config.zone)


def open_draft() -> Draft:
    """The draft, or an empty one. Answers 409 before the first release is published."""
    try:
        return drafts().open()
    except NoDraft:
        abort(409)


def readable_content(draft: Draft) -> Content:
    """The content of the draft; the live one while the draft cannot be read."""
    if not draft.changed:
        return live_line().content
    try:
        return read_content(draft.files)
    except BrokenPrompts:
        return live_line().content


def prompt_files(draft: Draft, language: str, name: str) -> str:
    """The name of a prompt's file in the draft. Answers 404 if there is none."""
    file = f"{language}/{name}.md"
    return file if file in draft.files else abort(404)


def languages_of(draft: Draft) -> Iterator[str]:
    """The languages that have prompts, that of the source first."""
    folders = {name.partition("/")[0] for name in draft.files if name.endswith(".md")}
    found = {folder for folder in folders if len(folder) == _CODE_LENGTH}
    default = live_line().content.config.default_language
    yield from sorted(found, key=lambda language: (language != default, language))
