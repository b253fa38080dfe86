"""Recordings of a human voice in prompts/recordings/, played instead of the carrier's voice.

`recordings/en/keys.mp3` is for en/keys.md; `recordings/en/cancer-2.wav` for the second `## Spoken` of en/cancer.md;
`recordings/en/welcome-choices.mp3` for the choices of a menu. A WAV made by `infoline prompts record` has a fingerprint
of its text as a comment (`words=` and 12 hex digits), which reveals that the text has changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ivr.line.content.audio_headers import MU_LAW, PCM, read_audio_info
from ivr.line.content.config import Config
from ivr.line.content.findings import Finding
from ivr.line.content.prompt import PLACEHOLDER, Prompt
from ivr.line.content.required_prompts import allowed_placeholders

FOLDER = "recordings"
# The formats that the carrier plays: https://www.twilio.com/docs/voice/twiml/play
MEDIA_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
LARGEST_RECORDING = 5_000_000
# Every process keeps the recordings of its releases in memory, and the ledger stores those of all releases.
LARGEST_TOGETHER = 50_000_000
# In seconds. A person speaks a third slower than the rate that the lint limits assume.
LONGEST = 40.0
CHOICES: Literal["choices"] = "choices"
_FILE = re.compile(rf"{FOLDER}/([a-z]{{2}})/([a-z0-9]+(?:-[a-z0-9]+)*)\.({'|'.join(MEDIA_TYPES)})")
_WORDS = "words="
_PART = re.compile(r"[1-9][0-9]?")
_NOT_MP3 = "This is not an MP3 file, despite its name: save it again as MP3, or as WAV (PCM, 16 bit)."
_SMALLER = "save it as MP3, or as WAV with 8000 samples a second and one channel"
# (language, prompt, part): part counts the prompt's spoken sections from 0, or is "choices".
RecordingKey = tuple[str, str, int | Literal["choices"]]


@dataclass(frozen=True)
class Recording:
    """A sound file. digest: the first 32 hex digits of its SHA-256, the name in /audio/{digest}."""

    digest: str
    media_type: str
    data: bytes


def is_in_recordings_folder(file: str) -> bool:
    """Whether a file of prompts/ is in the recordings folder, even if its name is invalid."""
    return file.startswith(f"{FOLDER}/")


def is_recording_name(file: str) -> bool:
    """Whether a file has a valid name for a recording."""
    return _FILE.fullmatch(file) is not None


def read_recording(file: str, data: bytes) -> Recording:
    """A file as a recording, with the media type of its extension."""
    digest = hashlib.sha256(data).hexdigest()[:32]
    return Recording(digest, MEDIA_TYPES.get(file.rpartition(".")[2], "application/octet-stream"), data)


def recordings_of(files: Mapping[str, bytes]) -> dict[RecordingKey, Recording]:
    """The recordings of a release by key. Of files that `find_recording_errors` rejects, some may be missing."""
    return {key: read_recording(file, files[file]) for key, file in recordings_by_file(files)}


def recordings_by_file(files: Iterable[str]) -> list[tuple[RecordingKey, str]]:
    """The key of each recording and its file; two files may have the same key."""
    names = frozenset(files)
    keys = ((file, _key(file, names)) for file in sorted(names))
    return [(key, file) for file, key in keys if key]


def text_fingerprint(paragraphs: Iterable[str]) -> str:
    """The comment that ties a recording to its text: the paragraphs as spoken, with values filled in."""
    text = "\n".join(paragraphs)
    return f"{_WORDS}{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def has_fingerprint(comment: str) -> bool:
    """Whether the comment of an audio file is a text fingerprint."""
    return comment.startswith(_WORDS)


def explain_too_long(seconds: float) -> str:
    """What to do about a recording that is too long; empty if it is not."""
    message = f"This takes {seconds:.0f} seconds to hear: record it in {LONGEST:.0f}, or split the text."
    return message if seconds > LONGEST else ""


def locate_recording(
    target: str, config: Config, prompts: Mapping[tuple[str, str], Prompt]
) -> tuple[RecordingKey, str]:
    """The key and the file of a recording named `en/cancer-2`. Raises NothingToRecord."""
    files = {prompt.file for prompt in prompts.values()}
    file = f"{FOLDER}/{target}.wav"
    key = _key(file, files)
    if key is None:
        raise NothingToRecord("Name the recording like en/keys, en/cancer-2 or en/welcome-choices, in lowercase.")
    misplaced = _misplaced(file, key, config, prompts, files)
    if misplaced:
        raise NothingToRecord(f"{misplaced[0]}.")
    language, name, part = key
    only = part == 0 and len(prompts[language, name].spoken) == 1
    number = "" if only else f"-{part if isinstance(part, str) else part + 1}"
    return key, f"{FOLDER}/{language}/{name}{number}.wav"


class NothingToRecord(Exception):
    """The line never plays a recording of this name; the message says why."""


def _key(file: str, files: Container[str]) -> RecordingKey | None:
    """The key of a file; None if its name is invalid. `reminder-2.mp3` is for reminder-2.md if that exists."""
    match = _FILE.fullmatch(file)
    if not match:
        return None
    language, stem = match[1], match[2]
    name, _, last = stem.rpartition("-")
    if f"{language}/{stem}.md" in files or not name:
        return language, stem, 0
    if last == CHOICES:
        return language, name, CHOICES
    return (language, name, int(last) - 1) if _PART.fullmatch(last) else (language, stem, 0)


def find_recording_errors(
    config: Config, prompts: Mapping[tuple[str, str], Prompt], files: Mapping[str, bytes]
) -> Iterator[Finding]:
    """Every recording that belongs to no prompt, is a duplicate, or cannot be played."""
    first_files: dict[RecordingKey, str] = {}
    for file in sorted(filter(is_in_recordings_folder, files)):
        key = _key(file, files)
        if key is None:
            yield _error(file, _HOW_TO_NAME)
            continue
        first = first_files.setdefault(key, file)
        duplicate = f"This is for the same text as {first}: keep one of the two." if first != file else ""
        misplaced = ": ".join(_misplaced(file, key, config, prompts, files))
        for message in (duplicate or (misplaced and f"{misplaced}."), _unplayable(file, files[file])):
            if message:
                yield _error(file, message)
    if sum(len(files[file]) for file in files if is_in_recordings_folder(file)) > LARGEST_TOGETHER:
        message = f"All recordings together are larger than {LARGEST_TOGETHER // 1_000_000} MB: {_SMALLER}."
        yield _error(FOLDER, message.replace("save it", "save them"))


_HOW_TO_NAME = (
    f"Name a recording like its prompt, in lowercase: {FOLDER}/en/keys.mp3 (or .wav), {FOLDER}/en/cancer-2.mp3"
    f" for the second spoken part, {FOLDER}/en/welcome-choices.mp3 for a menu's choices."
)
_REMOVE = "remove this recording"


def _error(file: str, message: str) -> Finding:
    return Finding(file, 0, "recording", "error", message)


def _misplaced(
    file: str, key: RecordingKey, config: Config, prompts: Mapping[tuple[str, str], Prompt], files: Container[str]
) -> tuple[str, ...]:
    """Why the line never plays this recording, and what to do; empty if it does, or if the prompt cannot be read."""
    language, name, part = key
    if language not in config.languages:
        return f"`{language}` is not one of the languages in line.yaml", f"add it there, or {_REMOVE}"
    if f"{language}/{name}.md" not in files:
        return f"There is no {language}/{name}.md", f"name this recording like its prompt, or {_REMOVE}"
    prompt = prompts.get((language, name))
    if prompt is None:
        return ()
    if isinstance(part, str):
        is_menu = name in config.menus and prompt.listed
        return () if is_menu else (f"{prompt.file} is not a menu and has no choices", _REMOVE)
    if not prompt.spoken:
        return f"{prompt.file} is only texted, never spoken", _REMOVE
    has_number = not file.startswith(f"{FOLDER}/{language}/{name}.")
    count = len(prompt.spoken)
    if count == 1 and part:
        return (f"{prompt.file} has one spoken part: name its recording {name}",)
    if part >= count or (count > 1 and not has_number):
        return (f"{prompt.file} has {count} spoken parts: name their recordings {name}-1 to {name}-{count}",)
    fixed = {"hospital", *(entry.id for entry in config.directory)}
    variable = allowed_placeholders(config, name) - fixed
    placeholders = dict.fromkeys(PLACEHOLDER.findall(prompt.spoken[part].words))
    names = ", ".join(f"{{{placeholder}}}" for placeholder in placeholders if placeholder in variable)
    return (f"{prompt.file} says {names}, which is not the same in every call", _REMOVE) if names else ()


def _unplayable(file: str, data: bytes) -> str:
    if not data:
        return f"This recording is empty: save it again, or {_REMOVE}."
    if len(data) > LARGEST_RECORDING:
        return f"This recording is larger than {LARGEST_RECORDING // 1_000_000} MB: {_SMALLER}."
    info = read_audio_info(data)
    if not file.endswith(".wav"):
        is_mp3 = info is not None and info.kind == "mp3"
        return "" if is_mp3 else _NOT_MP3
    if info is None or info.format not in (PCM, MU_LAW):
        return "This is not a WAV file that can be played: save it again as WAV (PCM, 16 bit), or as MP3."
    if info.broken_at is not None:
        return "This recording is cut short: copy it here again, or save it again as WAV (PCM, 16 bit)."
    return "" if info.seconds else f"This recording has no sound: save it again, or {_REMOVE}."
