"""The recordings of one prompt: which of its parts can have one, and which have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ivr.line.content.audio_headers import read_audio_info
from ivr.line.content.loader import Content
from ivr.line.content.recordings import NothingToRecord, RecordingKey, locate_recording, recordings_by_file
from ivr.line.lint.recording_rules import RECORDING_RULES
from ivr.releases.drafts import Draft
from ivr.web.console.prompts.editing.editor_form import sentence_of
from ivr.web.console.words import gettext, reason_of


@dataclass(frozen=True)
class Slot:
    """A part that can be recorded. target: like cancer-2. file, seconds: of its recording, if there is one.

    refusal: why the part cannot be recorded, if it cannot.
    """

    target: str
    label: str
    file: str = ""
    version: str = ""
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()
    refusal: str = ""


def slots_of(draft: Draft, content: Content, language: str, name: str) -> list[Slot]:
    """The parts of a prompt in order."""
    prompt = content.prompts.get((language, name))
    if prompt is None or not prompt.spoken:
        return []
    files = draft.files
    recorded = {key: file for key, file in recordings_by_file(files) if key[:2] == (language, name)}
    remarks: dict[str, list[str]] = {}
    if recorded:
        for rule in RECORDING_RULES:
            for finding in rule(content):
                remarks.setdefault(finding.file, []).append(sentence_of(finding))
    slots = []
    for target, label, key in _targets(content, language, name):
        file, refusal = recorded.get(key, ""), ""
        try:
            locate_recording(f"{language}/{target}", content.config, content.prompts)
        except NothingToRecord as refused:
            refusal = reason_of(refused)
        info = read_audio_info(files[file]) if file else None
        slots.append(
            Slot(
                target,
                label,
                file,
                draft.version(file) if file else "",
                info.seconds if info else 0.0,
                tuple(remarks.get(file, ())),
                refusal,
            )
        )
    return slots


def _targets(content: Content, language: str, name: str) -> Iterator[tuple[str, str, RecordingKey]]:
    prompt = content.prompts[language, name]
    count = len(prompt.spoken)
    for part in range(count):
        target = name if count == 1 else f"{name}-{part + 1}"
        label = gettext("Spoken") if count == 1 else gettext("Spoken, part %(number)s", number=part + 1)
        yield target, label, (language, name, part)
    if name in content.config.menus and prompt.listed:
        yield f"{name}-choices", gettext("Choices"), (language, name, "choices")
