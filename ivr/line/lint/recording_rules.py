"""The rules for recordings that can be played: whether they still say the words, and whether in good time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
    words_fingerprint,
)


def current_fingerprint(speech: Speech, key: RecordingKey) -> str:
    """What a recording made today tells of its words."""
    language, name, part = key
    said = speech.choices(language, name) if isinstance(part, str) else speech.words(language, name, part)
    return words_fingerprint(said.paragraphs)


def _behind(content: Content) -> Iterator[Finding]:
    """Words that changed after they were recorded. A recording that does not tell which it says is not judged."""
    if not content.recordings:
        return
    speech = Speech(content, Graph(content))
    for key, file in recordings_by_file(content.files):
        found = read_audio_info(content.files[file])
        if found and has_fingerprint(found.comment) and found.comment != current_fingerprint(speech, key):
            name = file.removeprefix(f"{FOLDER}/").rpartition(".")[0]
            message = (
                f"The words changed after they were recorded here, and callers hear the old ones: record them anew"
                f" (infoline prompts record {name} FILE), or take this recording away."
            )
            yield Finding(file, 0, "recording-behind", "warning", message)


def _long(content: Content) -> Iterator[Finding]:
    for _, file in recordings_by_file(content.files):
        found = read_audio_info(content.files[file])
        message = explain_too_long(found.seconds) if found else ""
        if message:
            yield Finding(file, 0, "seconds", "error", message)


RECORDING_RULES: tuple[Callable[[Content], Iterator[Finding]], ...] = (_behind, _long)
