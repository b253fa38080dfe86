"""Reads prompts/ into one object: the configuration, every prompt by language and name, and the digest."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from ivr.i18n import N_, Sentence, sentence
from ivr.line.content.config import Config, read_config
from ivr.line.content.cross_references import find_cross_reference_errors
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.prompt import MOST_PROMPT_WORDS, Prompt, fill_placeholders, read_prompt
from ivr.line.content.recordings import (
    LARGEST_RECORDING,
    LARGEST_TOGETHER,
    Recording,
    RecordingKey,
    find_recording_errors,
    is_in_recordings_folder,
    is_recording_name,
    recordings_of,
)
from ivr.line.content.training_questions import LARGEST_QUESTIONS as LARGEST_QUESTIONS
from ivr.line.content.training_questions import (
    TrainingQuestion,
    is_question_file,
    question_findings,
    read_questions,
)
from ivr.line.content.yaml_source import LARGEST_TEXT, Source, decode_text, read_yaml
from ivr.line.text.gsm7 import fold_to_gsm7

LINE_FILE = "line.yaml"
HL7_FILE = "hl7.yaml"
"""Optional: ivr/feeds/hl7/mapping.py reads it."""
_PROMPT_FILE = re.compile(r"[a-z]{2}/[a-z0-9]+(-[a-z0-9]+)*\.md")
_TOO_LARGE = sentence(
    N_("This folder has more than {most} MB: name a folder with prompts only, or make its recordings smaller."),
    most=LARGEST_TOGETHER // 1_000_000,
)
_LARGEST_FILE = max(LARGEST_TEXT, LARGEST_RECORDING, LARGEST_QUESTIONS)
# The database stores the names of a draft's files.
_LONGEST_NAME = 100
_LINK = sentence(N_("This is a link: put the file itself here, so that nothing from outside this folder is published."))
_JUNK_ENDINGS = ("~", ".bak", ".orig", ".swp", "Thumbs.db", "desktop.ini")
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Content:
    """The content of one release. files: the bytes that it was read from."""

    digest: str
    config: Config
    prompts: Mapping[tuple[str, str], Prompt]
    files: Files

    def questions(self) -> Iterator[TrainingQuestion]:
        """The examples of all languages, read at each use: only training needs them, and they take 70 MB."""
        for file in sorted(filter(is_question_file, self.files)):
            yield from read_questions(file, self.files[file])

    @cached_property
    def source(self) -> Source:
        """line.yaml with the line number of each value."""
        return _line_source(self.files[LINE_FILE])

    @cached_property
    def recordings(self) -> Mapping[RecordingKey, Recording]:
        """Recordings by (language, prompt, part): part counts from 0, or is "choices"."""
        return recordings_of(self.files)

    @cached_property
    def audio(self) -> Mapping[str, Recording]:
        """Recordings by digest."""
        return {recording.digest: recording for recording in self.recordings.values()}

    def prompt(self, language: str, name: str) -> Prompt:
        return self.prompts[language, name]

    @cached_property
    def _values(self) -> dict[str, dict[str, str]]:
        numbers = {entry.id: entry.number for entry in self.config.directory}
        return {language: {"hospital": self.config.hospital[language], **numbers} for language in self.config.languages}

    def values(self, language: str) -> dict[str, str]:
        """The values of the placeholders that every prompt may use: {hospital} and the phone numbers."""
        return self._values[language]

    def texted(self, language: str, name: str, /, **values: str) -> str:
        """The text message of a prompt as it is sent: filled in, and in GSM-7 unless its file says `accents: keep`.

        Raises KeyError for a prompt without the section.
        """
        prompt = self.prompt(language, name)
        if prompt.texted is None:
            raise KeyError(f"{language}/{name}.md has no text under ## Texted")
        text = fill_placeholders(prompt.texted.words, {**self.values(language), **values})
        whole = f"{text}{self.more_line(language, name)}"
        return whole if prompt.keeps_accents else fold_to_gsm7(whole)

    def more_line(self, language: str, subject: str) -> str:
        """The end of a subject's text message: the words to reply with for the answers that are offered after it."""
        words = [answer.word[language] for answer in self.config.offered_after(subject)]
        if not words:
            return ""
        from babel.lists import format_list

        return "\n" + self.texted(language, "more", words=format_list(words, "or", locale=language))


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a prompts folder by relative path, without leftovers from editors.

    Raises BrokenPrompts if the folder is missing or too large, or if a file cannot be read.
    """
    if not (folder / LINE_FILE).is_file():
        template = N_("There is no {file} in {folder}: name the folder with the prompts.")
        message = sentence(template, file=LINE_FILE, folder=str(folder))
        raise BrokenPrompts([Finding.of(LINE_FILE, 0, "folder", "error", message)])
    files: dict[str, bytes] = {}
    findings: list[Finding] = []
    left = LARGEST_TOGETHER + LARGEST_RECORDING
    for name, path in _entries(folder, findings):
        if path.is_symlink():
            findings.append(Finding.of(name, 0, "folder", "error", _LINK))
            continue
        try:
            files[name] = read_file(path)
            left -= len(files[name])
            if left < 0:
                findings.append(Finding.of(name, 0, "folder", "error", _TOO_LARGE))
                break
        except OSError as error:
            findings.append(_unreadable(name, error))
    if findings:
        raise BrokenPrompts(findings)
    return files


def _entries(folder: Path, findings: list[Finding]) -> list[tuple[str, Path]]:
    """Everything in a folder and its subfolders except folders and leftovers, by relative path.

    A link to a folder counts as an entry and is not followed. Adds a finding for each folder that cannot be listed.
    """
    entries: list[tuple[str, Path]] = []

    def report(error: OSError) -> None:
        name = Path(error.filename).relative_to(folder).as_posix()
        findings.append(_unreadable(name, error))

    for parent, folders, names in os.walk(folder, onerror=report):
        folders[:] = [name for name in folders if not _is_junk(name)]
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        paths = (Path(parent) / name for name in (*names, *links) if not _is_junk(name))
        entries += ((path.relative_to(folder).as_posix(), path) for path in paths)
    return sorted(entries)


def _unreadable(name: str, error: OSError) -> Finding:
    template = N_("This cannot be opened ({reason}): give this user permission to read it, or remove it.")
    return Finding.of(name, 0, "folder", "error", sentence(template, reason=str(error.strerror)))


def read_file(path: Path) -> bytes:
    """A file's bytes, up to one byte over the limit: enough to report a huge file without reading it all.

    Raises OSError, also for a pipe or a device, which could block forever.
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return file.read(_LARGEST_FILE + 1)


def _is_junk(name: str) -> bool:
    """Leftovers from editors and operating systems: .DS_Store, ~$cancer.md, #cancer.md#, cancer.md~, Thumbs.db."""
    parts = name.split("/")
    return any(part.startswith((".", "~", "#")) for part in parts) or parts[-1].endswith(_JUNK_ENDINGS)


def file_problem(name: str, data: bytes) -> Sentence | None:
    """Why a file cannot be in prompts/ because of its name or size; None if it can, even if it cannot be parsed."""
    is_named = name in (LINE_FILE, HL7_FILE) or is_prompt(name) or is_question_file(name) or is_recording_name(name)
    if not is_named:
        template = N_(
            "`{name}` is not a file name for prompts/: write it like line.yaml, en/cancer.md, en/questions.tsv or"
            " recordings/en/cancer-2.mp3."
        )
        return sentence(template, name=name)
    if len(name) > _LONGEST_NAME:
        template = N_("`{name}…` has {length} characters: shorten the name to {most}.")
        return sentence(template, name=name[:40], length=len(name), most=_LONGEST_NAME)
    largest = (
        LARGEST_RECORDING
        if is_in_recordings_folder(name)
        else LARGEST_QUESTIONS
        if is_question_file(name)
        else LARGEST_TEXT
    )
    if len(data) > largest:
        size = f"{largest // 1_000_000} MB" if largest >= 1_000_000 else f"{largest // 1000} kB"
        return sentence(N_("{name} is larger than {size}: make it smaller, or split it."), name=name, size=size)
    if name.endswith(".md") and len(data.rpartition(b"\n---")[2].split()) > MOST_PROMPT_WORDS:
        template = N_("{name} has more than {most} words: split it or shorten it.")
        return sentence(template, name=name, most=f"{MOST_PROMPT_WORDS:,}")
    return None


def content_digest(files: Files) -> str:
    """The first 12 hex digits of the SHA-256 of all names and bytes."""
    total = hashlib.sha256()
    for name in sorted(files):
        data = files[name]
        total.update(f"{name}\n{len(data)}\n".encode())
        total.update(data)
    return total.hexdigest()[:12]


# Large enough for the live release and the draft, before and after each of a few changes.
@lru_cache(maxsize=8)
def _line_source(data: bytes) -> Source:
    return read_yaml(LINE_FILE, decode_text(LINE_FILE, data))


@lru_cache(maxsize=8)
def read_line_file(data: bytes) -> tuple[Config, Source]:
    """Read line.yaml, once for all who ask for it: its values are not to be changed. Raises BrokenPrompts."""
    source = _line_source(data)
    return read_config(source), source


def read_content(files: Files, *, checks_questions: bool = True) -> Content:
    """Read and cross-check all files. Raises BrokenPrompts with every error, not only the first.

    checks_questions: not needed for a release, whose questions were checked when it was published.
    """
    findings: list[Finding] = []
    config, source = _read_line(files, findings)
    prompts = _read_prompts(files, findings)
    if checks_questions:
        findings += _question_findings(files)
    if config is not None:
        # A file that cannot be read is not also reported as missing.
        unread = {finding.file for finding in findings}
        findings += (
            error for error in find_cross_reference_errors(config, source, prompts) if error.file not in unread
        )
        findings += find_recording_errors(config, prompts, files)
    if findings or config is None:
        raise BrokenPrompts(findings)
    return Content(content_digest(files), config, prompts, dict(files))


def reread_content(before: Content, files: Files) -> Content:
    """The same as `read_content(files)`, sooner if only prompts or recordings differ from content read before.

    Raises BrokenPrompts.
    """
    changed = [name for name in {*before.files, *files} if before.files.get(name) != files.get(name)]
    if not all(_is_changed_prompt(name, before.files, files) or is_recording_name(name) for name in changed):
        return read_content(files)
    findings: list[Finding] = []
    prompts = _read_prompts({name: files[name] for name in changed if is_prompt(name)}, findings)
    together = {**before.prompts, **prompts}
    unread = {finding.file for finding in findings}
    errors = find_cross_reference_errors(before.config, before.source, together)
    findings += (error for error in errors if error.file not in unread)
    findings += find_recording_errors(before.config, together, files)
    if findings:
        raise BrokenPrompts(findings)
    return Content(content_digest(files), before.config, together, dict(files))


def _is_changed_prompt(name: str, before: Files, after: Files) -> bool:
    return is_prompt(name) and name in before and name in after


def is_prompt(file: str) -> bool:
    """Whether a file is named like a prompt, such as en/cancer.md."""
    return _PROMPT_FILE.fullmatch(file) is not None


def misnamed_file(file: str) -> Finding:
    """The finding for a file that does not belong in prompts/."""
    message = sentence(N_("A prompt belongs in the folder of its language, and its name is lowercase: en/cancer.md."))
    return Finding.of(file, 0, "file-name", "error", message)


def outcomes_of(files: Files) -> frozenset[str]:
    """The outcomes that a training question may have: the names of the prompts."""
    return frozenset(file.split("/")[1].removesuffix(".md") for file in files if is_prompt(file))


def _read_prompts(files: Files, findings: list[Finding]) -> dict[tuple[str, str], Prompt]:
    prompts: dict[tuple[str, str], Prompt] = {}
    for file in sorted(files):
        try:
            if is_prompt(file):
                prompt = read_prompt(file, files[file])
                prompts[prompt.language, prompt.name] = prompt
            elif file not in (LINE_FILE, HL7_FILE) and not is_question_file(file) and not is_in_recordings_folder(file):
                findings.append(misnamed_file(file))
        except BrokenPrompts as broken:
            findings += broken.findings
    return prompts


def _question_findings(files: Files) -> Iterator[Finding]:
    outcomes = outcomes_of(files)
    for file in sorted(filter(is_question_file, files)):
        yield from question_findings(file, files[file], outcomes)


def _read_line(files: Files, findings: list[Finding]) -> tuple[Config | None, Source]:
    try:
        return read_line_file(files.get(LINE_FILE, b""))
    except BrokenPrompts as broken:
        findings += broken.findings
        return None, Source(LINE_FILE)
