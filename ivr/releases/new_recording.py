"""An uploaded recording as a file of prompts/: converted for telephones, and tied to the text that it speaks."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.line.audio.convert import to_telephone_wav
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import Speech
from ivr.line.content.loader import Content, Files
from ivr.line.content.recordings import locate_recording, recordings_by_file
from ivr.line.lint.recording_rules import current_fingerprint


@dataclass(frozen=True)
class NewRecording:
    """A recording to save. replaced: the files of older recordings of the same part, to delete."""

    file: str
    data: bytes
    replaced: tuple[str, ...]


def new_recording(content: Content, files: Files, target: str, upload: bytes) -> NewRecording:
    """The recording named `en/cancer-2` of an uploaded WAV or MP3.

    files: all files, of which the content may leave out broken recordings. Raises NothingToRecord and UnusableAudio.
    """
    key, file = locate_recording(target, content.config, content.prompts)
    data = to_telephone_wav(upload, current_fingerprint(Speech(content, Graph(content)), key))
    replaced = (old for old_key, old in recordings_by_file(files) if old_key == key and old != file)
    return NewRecording(file, data, tuple(replaced))
