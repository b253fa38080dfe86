"""Previews a prompt as callers hear it: its recordings, or its TwiML spoken by a local voice.

The voice differs from Twilio's; text, numbers, pauses and speed are the line's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from babel import Locale
from twilio.twiml import TwiML

from ivr.line.audio import convert
from ivr.line.audio.convert import Samples
from ivr.line.callflow import hours
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import Speech, SpeechBlock
from ivr.line.content.loader import Content
from ivr.line.locales.locale import get_locale
from ivr.line.twiml.ssml import build_say

RATE = 16_000
# Seconds between a number and the text around it, which are synthesized separately.
_GAP_SECONDS = 0.12
# The voice pads its output with near-silence (amplitude); all but an edge (seconds) is cut, to keep pauses exact.
_QUIET, _EDGE = 0.005, 0.02
# The local voice distorts above this.
_VOLUME = 0.4
# Example values: a caller's number, and a time when every office is closed.
_CALLER, _SUNDAY = "603-555-0123", datetime(2026, 1, 4, 17, tzinfo=UTC)


class PreviewUnavailable(Exception):
    """The prompt cannot be rendered; the message says why and what to do."""


def spoken_prompts(content: Content, language: str) -> list[str]:
    """The names of all prompts that have a spoken section."""
    return sorted(name for code, name in content.prompts if code == language and content.prompt(code, name).spoken)


def render_preview(content: Content, language: str, name: str, *, telephone: bool = False) -> bytes:
    """All spoken parts of a prompt, and a menu's choices, as a 16,000 Hz WAV.

    The prompts that surround topics and menus, such as go-on, are not included. Placeholders that only a call can
    fill get examples.
    telephone: 8,000 Hz mu-law, limited to the pass band of a telephone.
    Raises PreviewUnavailable if no local voice speaks the language, KeyError for a name not in `spoken_prompts`.
    """
    parts = (part for block in _blocks(content, language, name) for part in _render_block(block, content))
    samples = np.concatenate([_silence(0), *_with_gaps(parts)])
    if telephone:
        return convert.encode_wav(convert.resample(samples, RATE, convert.RATE), convert.RATE, mu_law=True)
    return convert.encode_wav(samples, RATE)


def _blocks(content: Content, language: str, name: str) -> list[SpeechBlock]:
    speech = Speech(content, Graph(content))
    prompt = content.prompt(language, name)
    if not prompt.spoken:
        raise KeyError(name)
    examples = _examples(content, language)
    blocks = [speech.block(language, name, part, **examples) for part in range(len(prompt.spoken))]
    return [*blocks, speech.choices(language, name)] if name in content.config.menus else blocks


def _examples(content: Content, language: str) -> dict[str, str]:
    config = content.config
    entry, menu = config.directory[0], next(iter(config.menus))
    key = next(iter(config.menus[menu].choices))
    return {
        "name": entry.name[language],
        "number": entry.number,
        "hours": hours.describe_hours(entry, language),
        "opens": hours.describe_next_opening(config, entry, _SUNDAY, language),
        "caller": _CALLER,
        "language": Locale.parse(language).get_language_name(config.default_language) or language,
        "choice": content.prompt(language, menu).choices[key],
        "key": key,
        "about": next((answer.about[language] for answer in config.library if answer.about), ""),
        # Only the offer of a third language has a number of presses.
        "times": "2",
    }


def _silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.float32)


def _with_gaps(parts: Iterable[Samples]) -> Iterator[Samples]:
    """The parts, with a gap between two that follow each other without a pause."""
    after_speech = False
    for part in parts:
        is_speech = bool(part.any())
        if after_speech and is_speech:
            yield _silence(_GAP_SECONDS)
        yield part
        after_speech = is_speech


def _render_block(block: SpeechBlock, content: Content) -> Iterator[Samples]:
    if block.recording:
        try:
            samples, rate = convert.decode_audio(content.audio[block.recording].data)
        except convert.UnusableAudio as error:
            raise PreviewUnavailable(f"The recording of this prompt cannot be played. {error}") from error
        yield convert.resample(samples, rate, RATE)
        return
    locale, tag = get_locale(block.language), content.config.languages[block.language].tag
    voice = locale.preview_voices_by_tag.get(tag, locale.preview_voice)
    if voice is None:
        problem = f"No local voice speaks `{block.language}`"
        raise PreviewUnavailable(f"{problem}: call the line and listen, or record the prompt.")
    yield from _render_verb(build_say(block, content.config), voice, 1.0)


def _render_verb(verb: TwiML, voice: str, speed: float) -> Iterator[Samples]:
    """A <Say> or an element inside it. Nested rates do not multiply: each is relative to the voice's default.

    https://www.w3.org/TR/speech-synthesis11/#S3.2.4
    """
    attributes: dict[str, Any] = verb.attrs
    if verb.name == "break":
        yield _silence(int(attributes["time"].removesuffix("ms")) / 1000)
        return
    speed = int(attributes["rate"].removesuffix("%")) / 100 if "rate" in attributes else speed
    if verb.value:
        # 603-668-3067 becomes "6 0 3, 6 6 8, 3 0 6 7": digit by digit, with a short pause after each group.
        yield from _synthesize(", ".join(" ".join(group) for group in verb.value.split("-")), voice, speed)
    for child in verb.verbs:
        yield from _synthesize(child, voice, speed) if isinstance(child, str) else _render_verb(child, voice, speed)


def _synthesize(text: str, voice: str, speed: float) -> Iterator[Samples]:
    """Text in the local voice, without the padding around it."""
    try:
        from py_nanotts import NanoTTS
    except ImportError as error:
        problem = "The local voice is not installed: pip install py-nanotts (Linux and Windows), or record the prompt."
        raise PreviewUnavailable(problem) from error
    if not any(map(str.isalnum, text)):
        return
    # The voice treats anything between < and > as a command.
    plain = text.replace("<", " ").replace(">", " ")
    pcm: bytes = NanoTTS().speak(plain, voice=voice, speed=speed, volume=_VOLUME)
    samples: Samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
    loud = np.flatnonzero(np.abs(samples) > _QUIET)
    if len(loud):
        edge = int(_EDGE * RATE)
        yield samples[max(0, loud[0] - edge) : loud[-1] + edge]
