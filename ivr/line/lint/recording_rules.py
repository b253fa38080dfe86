"""Lint rules for recordings: whether they still match the text, and whether they are short enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ivr.i18n import N_, sentence
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import Speech
from ivr.line.content.audio_headers import read_audio_info
from ivr.line.content.findings import Finding
from ivr.line.content.loader import Content
from ivr.line.content.recordings import (
    FOLDER,
    RecordingKey,
    explain_too_long,
    has_fingerprint,
    recordings_by_file,
    text_fingerprint,
)


def current_fingerprint(speech: Speech, key: RecordingKey) -> str:
    """The fingerprint that a recording of the current text would have."""
    language, name, part = key
    spoken = speech.choices(language, name) if isinstance(part, str) else speech.block(language, name, part)
    return text_fingerprint(spoken.paragraphs)


def _outdated(content: Content) -> Iterator[Finding]:
    """Recordings of an older text. Those without a fingerprint are skipped."""
    if not content.recordings:
        return
    speech = Speech(content, Graph(content))
    for key, file in recordings_by_file(content.files):
        audio = read_audio_info(content.files[file])
        if audio and has_fingerprint(audio.comment) and audio.comment != current_fingerprint(speech, key):
            name = file.removeprefix(f"{FOLDER}/").rpartition(".")[0]
            template = N_(
                "The text has changed since this was recorded, and callers still hear the old version: record it again"
                " (infoline prompts record {name} FILE), or delete the recording."
            )
            yield Finding.of(file, 0, "recording-behind", "warning", sentence(template, name=name))


def _too_long(content: Content) -> Iterator[Finding]:
    for _, file in recordings_by_file(content.files):
        audio = read_audio_info(content.files[file])
        message = explain_too_long(audio.seconds) if audio else None
        if message:
            yield Finding.of(file, 0, "seconds", "error", message)


RECORDING_RULES: tuple[Callable[[Content], Iterator[Finding]], ...] = (_outdated, _too_long)
