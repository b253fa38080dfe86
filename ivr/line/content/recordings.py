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

from ivr.i18n import N_, Explained, Sentence, sentence
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
_MEGABYTE = 1_000_000
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


def explain_too_long(seconds: float) -> Sentence | None:
    """What to do about a recording that is too long; None if it is not."""
    template = N_("This takes {seconds} seconds to hear: record it in {most}, or split the text.")
    return sentence(template, seconds=f"{seconds:.0f}", most=f"{LONGEST:.0f}") if seconds > LONGEST else None


def locate_recording(
    target: str, config: Config, prompts: Mapping[tuple[str, str], Prompt]
) -> tuple[RecordingKey, str]:
    """The key and the file of a recording named `en/cancer-2`. Raises NothingToRecord."""
    files = {prompt.file for prompt in prompts.values()}
    file = f"{FOLDER}/{target}.wav"
    key = _key(file, files)
    if key is None:
        raise NothingToRecord(
            sentence(N_("Name the recording like en/keys, en/cancer-2 or en/welcome-choices, in lowercase."))
        )
    misplaced = _misplaced(file, key, config, prompts, files)
    if misplaced:
        raise NothingToRecord(sentence(_ONLY_PROBLEM, problem=misplaced[0]))
    language, name, part = key
    only = part == 0 and len(prompts[language, name].spoken) == 1
    number = "" if only else f"-{part if isinstance(part, str) else part + 1}"
    return key, f"{FOLDER}/{language}/{name}{number}.wav"


class NothingToRecord(Explained):
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
        wrong = _duplicate(first) if first != file else _joined(_misplaced(file, key, config, prompts, files))
        for message in (wrong, _unplayable(file, files[file])):
            if message:
                yield _error(file, message)
    if sum(len(files[file]) for file in files if is_in_recordings_folder(file)) > LARGEST_TOGETHER:
        template = N_(
            "All recordings together are larger than {most} MB: save them as MP3, or as WAV with 8000 samples a second"
            " and one channel."
        )
        yield _error(FOLDER, sentence(template, most=LARGEST_TOGETHER // _MEGABYTE))


_HOW_TO_NAME = sentence(
    N_(
        "Name a recording like its prompt, in lowercase: {folder}/en/keys.mp3 (or .wav), {folder}/en/cancer-2.mp3 for"
        " the second spoken part, {folder}/en/welcome-choices.mp3 for a menu's choices."
    ),
    folder=FOLDER,
)
_REMOVE = sentence(N_("remove this recording"))
_ONLY_PROBLEM = N_("{problem}.")


def _error(file: str, message: Sentence) -> Finding:
    return Finding.of(file, 0, "recording", "error", message)


def _duplicate(first: str) -> Sentence:
    return sentence(N_("This is for the same text as {file}: keep one of the two."), file=first)


def _joined(misplaced: tuple[Sentence, ...]) -> Sentence | None:
    """What `_misplaced` says, as one sentence."""
    if len(misplaced) == 2:
        return sentence(N_("{problem}: {action}."), problem=misplaced[0], action=misplaced[1])
    return sentence(_ONLY_PROBLEM, problem=misplaced[0]) if misplaced else None


def _misplaced(
    file: str, key: RecordingKey, config: Config, prompts: Mapping[tuple[str, str], Prompt], files: Container[str]
) -> tuple[Sentence, ...]:
    """Why the line never plays this recording, and what to do; empty if it does, or if the prompt cannot be read."""
    language, name, part = key
    if language not in config.languages:
        return (
            sentence(N_("`{code}` is not one of the languages in line.yaml"), code=language),
            sentence(N_("add it there, or remove this recording")),
        )
    if f"{language}/{name}.md" not in files:
        return (
            sentence(N_("There is no {file}"), file=f"{language}/{name}.md"),
            sentence(N_("name this recording like its prompt, or remove this recording")),
        )
    prompt = prompts.get((language, name))
    if prompt is None:
        return ()
    if isinstance(part, str):
        is_menu = name in config.menus and prompt.listed
        return () if is_menu else (sentence(N_("{file} is not a menu and has no choices"), file=prompt.file), _REMOVE)
    if not prompt.spoken:
        return sentence(N_("{file} is only texted, never spoken"), file=prompt.file), _REMOVE
    has_number = not file.startswith(f"{FOLDER}/{language}/{name}.")
    count = len(prompt.spoken)
    if count == 1 and part:
        template = N_("{file} has one spoken part: name its recording {name}")
        return (sentence(template, file=prompt.file, name=name),)
    if part >= count or (count > 1 and not has_number):
        template = N_("{file} has {count} spoken parts: name their recordings {name}-1 to {name}-{count}")
        return (sentence(template, file=prompt.file, count=count, name=name),)
    fixed = {"hospital", *(entry.id for entry in config.directory)}
    variable = allowed_placeholders(config, name) - fixed
    placeholders = dict.fromkeys(PLACEHOLDER.findall(prompt.spoken[part].words))
    names = ", ".join(f"{{{placeholder}}}" for placeholder in placeholders if placeholder in variable)
    if not names:
        return ()
    return sentence(
        N_("{file} says {names}, which is not the same in every call"), file=prompt.file, names=names
    ), _REMOVE


def _unplayable(file: str, data: bytes) -> Sentence | None:
    if not data:
        return sentence(N_("This recording is empty: save it again, or remove this recording."))
    if len(data) > LARGEST_RECORDING:
        template = N_(
            "This recording is larger than {most} MB: save it as MP3, or as WAV with 8000 samples a second and one"
            " channel."
        )
        return sentence(template, most=LARGEST_RECORDING // _MEGABYTE)
    info = read_audio_info(data)
    if not file.endswith(".wav"):
        is_mp3 = info is not None and info.kind == "mp3"
        not_mp3 = N_("This is not an MP3 file, despite its name: save it again as MP3, or as WAV (PCM, 16 bit).")
        return None if is_mp3 else sentence(not_mp3)
    if info is None or info.format not in (PCM, MU_LAW):
        return sentence(N_("This is not a WAV file that can be played: save it again as WAV (PCM, 16 bit), or as MP3."))
    if info.broken_at is not None:
        return sentence(N_("This recording is cut short: copy it here again, or save it again as WAV (PCM, 16 bit)."))
    silent = N_("This recording has no sound: save it again, or remove this recording.")
    return None if info.seconds else sentence(silent)
