"""Recordings of a human voice, played in place of the carrier's where prompts/recordings/ has one.

`recordings/en/keys.mp3` says en/keys.md; `recordings/en/cancer-2.wav` the second `## Spoken` of en/cancer.md;
`recordings/en/welcome-choices.mp3` a menu's list of choices. A WAV that `infoline prompts record` made tells which
words it says, as a comment among its data (`words=` and 12 hex digits): so a change of the words is noticed.
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
# https://www.twilio.com/docs/voice/twiml/play lists what the carrier plays.
MEDIA_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
LARGEST = 5_000_000
# Every process holds the recordings of its releases in memory, and the ledger those of each release.
LARGEST_TOGETHER = 50_000_000
# In seconds. A person speaks a third slower than the check counts the words of the longest piece.
LONGEST = 40.0
CHOICES: Literal["choices"] = "choices"
_FILE = re.compile(rf"{FOLDER}/([a-z]{{2}})/([a-z0-9]+(?:-[a-z0-9]+)*)\.({'|'.join(MEDIA_TYPES)})")
_WORDS = "words="
_PIECE = re.compile(r"[1-9][0-9]?")
_SMALLER = "save it as MP3, or as WAV with 8000 samples a second and one channel"
# (language, prompt, part): part counts the prompt's spoken sections from 0, or is "choices".
RecordingKey = tuple[str, str, int | Literal["choices"]]


@dataclass(frozen=True)
class Recording:
    """What is played. digest: the first 32 hex digits of the data's SHA-256, its name in /audio/{digest}."""

    digest: str
    media_type: str
    data: bytes


def is_in_recordings_folder(file: str) -> bool:
    """Whether a file of prompts/ stands among the recordings, well named or not."""
    return file.startswith(f"{FOLDER}/")


def is_recording_name(file: str) -> bool:
    """Whether a file is named as a recording must be."""
    return _FILE.fullmatch(file) is not None


def read_recording(file: str, data: bytes) -> Recording:
    """A recording from its file; the name's ending tells the media type."""
    digest = hashlib.sha256(data).hexdigest()[:32]
    return Recording(digest, MEDIA_TYPES.get(file.rpartition(".")[2], "application/octet-stream"), data)


def recordings_of(files: Mapping[str, bytes]) -> dict[RecordingKey, Recording]:
    """The recordings of a release by what they say. What `recording_faults` refuses may be missing or doubled."""
    return {key: read_recording(file, files[file]) for key, file in recordings_by_file(files)}


def recordings_by_file(files: Iterable[str]) -> list[tuple[RecordingKey, str]]:
    """What is recorded in which file; two files may say the same."""
    names = frozenset(files)
    keys = ((file, _key(file, names)) for file in sorted(names))
    return [(key, file) for file, key in keys if key]


def words_fingerprint(paragraphs: Iterable[str]) -> str:
    """What a recording tells of the words that it says, as they are said: filled in, paragraph by paragraph."""
    said = "\n".join(paragraphs)
    return f"{_WORDS}{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def has_fingerprint(comment: str) -> bool:
    """Whether a sound's comment tells which words it says."""
    return comment.startswith(_WORDS)


def explain_too_long(seconds: float) -> str:
    """What to do with a sound that is longer than callers listen to; nothing for one that is not."""
    message = f"This takes {seconds:.0f} seconds to hear: record it in {LONGEST:.0f}, or part the words in two."
    return message if seconds > LONGEST else ""


def locate_recording(
    wanted: str, config: Config, prompts: Mapping[tuple[str, str], Prompt]
) -> tuple[RecordingKey, str]:
    """What a recording named `en/cancer-2` says, and the file that it stands in. Raises NoSuchPlace."""
    files = {prompt.file for prompt in prompts.values()}
    file = f"{FOLDER}/{wanted}.wav"
    key = _key(file, files)
    if key is None:
        raise NothingToRecord(
            "Name what was recorded like en/keys, en/cancer-2 or en/welcome-choices, in small letters."
        )
    misplaced = _misplaced(file, key, config, prompts, files)
    if misplaced:
        raise NothingToRecord(f"{misplaced[0]}.")
    language, name, part = key
    only = part == 0 and len(prompts[language, name].spoken) == 1
    number = "" if only else f"-{part if isinstance(part, str) else part + 1}"
    return key, f"{FOLDER}/{language}/{name}{number}.wav"


class NothingToRecord(Exception):
    """Nothing is said where a recording is meant to be played; the words say what there is."""


def _key(file: str, files: Container[str]) -> RecordingKey | None:
    """What a file says; None for one that is not named like a recording. A prompt's whole name goes first:
    `reminder-2.mp3` says reminder-2.md where there is one."""
    match = _FILE.fullmatch(file)
    if not match:
        return None
    language, stem = match[1], match[2]
    name, _, last = stem.rpartition("-")
    if f"{language}/{stem}.md" in files or not name:
        return language, stem, 0
    if last == CHOICES:
        return language, name, CHOICES
    return (language, name, int(last) - 1) if _PIECE.fullmatch(last) else (language, stem, 0)


def find_recording_errors(
    config: Config, prompts: Mapping[tuple[str, str], Prompt], files: Mapping[str, bytes]
) -> Iterator[Finding]:
    """Every recording that says nothing of the line, that something else says too, or that cannot be played."""
    said: dict[RecordingKey, str] = {}
    for file in sorted(filter(is_in_recordings_folder, files)):
        key = _key(file, files)
        if key is None:
            yield _fault(file, _HOW_TO_NAME)
            continue
        first = said.setdefault(key, file)
        doubled = f"This says the same as {first}: keep one of the two." if first != file else ""
        misplaced = ": ".join(_misplaced(file, key, config, prompts, files))
        for message in (doubled or (misplaced and f"{misplaced}."), _unplayable(file, files[file])):
            if message:
                yield _fault(file, message)
    if sum(len(files[file]) for file in files if is_in_recordings_folder(file)) > LARGEST_TOGETHER:
        message = f"All recordings together are larger than {LARGEST_TOGETHER // 1_000_000} MB: {_SMALLER}."
        yield _fault(FOLDER, message.replace("save it", "save them"))


_HOW_TO_NAME = (
    f"Name a recording like its prompt, in small letters: {FOLDER}/en/keys.mp3 (or .wav), {FOLDER}/en/cancer-2.mp3"
    f" for the second spoken piece, {FOLDER}/en/welcome-choices.mp3 for a menu's choices."
)


def _fault(file: str, message: str) -> Finding:
    return Finding(file, 0, "recording", "error", message)


_TAKE_AWAY = "take this recording away"


def _misplaced(
    file: str, key: RecordingKey, config: Config, prompts: Mapping[tuple[str, str], Prompt], files: Container[str]
) -> tuple[str, ...]:
    """What is wrong with the place that a recording is named for, and what to do with one that stands there.

    Nothing when the prompt itself cannot be read.
    """
    language, name, part = key
    if language not in config.languages:
        return f"`{language}` is not among the languages in line.yaml", f"add it there, or {_TAKE_AWAY}"
    if f"{language}/{name}.md" not in files:
        return f"There is no {language}/{name}.md", "name this recording like the prompt that it says, or take it away"
    prompt = prompts.get((language, name))
    if prompt is None:
        return ()
    if isinstance(part, str):
        is_menu = name in config.menus and prompt.listed
        return () if is_menu else (f"{prompt.file} is no menu and has no choices", _TAKE_AWAY)
    if not prompt.spoken:
        return f"{prompt.file} is only texted, nobody hears it", _TAKE_AWAY
    has_number = not file.startswith(f"{FOLDER}/{language}/{name}.")
    if part >= len(prompt.spoken) or (len(prompt.spoken) > 1 and not has_number):
        return (_pieces(prompt),)
    return _ever_changing(prompt, part, config)


def _pieces(prompt: Prompt) -> str:
    count, name = len(prompt.spoken), prompt.name
    if count == 1:
        return f"{prompt.file} has one spoken piece: name its recording {name}"
    return f"{prompt.file} has {count} spoken pieces: name their recordings {name}-1 to {name}-{count}"


def _ever_changing(prompt: Prompt, part: int, config: Config) -> tuple[str, ...]:
    fixed = {"hospital", *(entry.id for entry in config.directory)}
    told = allowed_placeholders(config, prompt.name) - fixed
    changing = [f"{{{name}}}" for name in PLACEHOLDER.findall(prompt.spoken[part].words) if name in told]
    if not changing:
        return ()
    each = ", ".join(dict.fromkeys(changing))
    return f"{prompt.file} says {each}, which is not the same in every call", _TAKE_AWAY


def _unplayable(file: str, data: bytes) -> str:
    if not data:
        return "This recording is empty: save it again, or take it away."
    if len(data) > LARGEST:
        return f"This recording is larger than {LARGEST // 1_000_000} MB: {_SMALLER}."
    return _not_wav(data) if file.endswith(".wav") else _not_mp3(data)


def _not_wav(data: bytes) -> str:
    found = read_audio_info(data)
    if found is None or found.format not in (PCM, MU_LAW):
        return "This is no WAV that we can read: save it again as WAV (PCM, 16 bit), or as MP3."
    if found.broken_at is not None:
        return "This recording is cut short: copy it here again, or save it again as WAV (PCM, 16 bit)."
    return "" if found.seconds else "Nothing is recorded here: save it again, or take it away."


def _not_mp3(data: bytes) -> str:
    found = read_audio_info(data)
    if found and found.kind == "mp3":
        return ""
    return "This is no MP3, whatever its name says: save it again as MP3, or as WAV (PCM, 16 bit)."
