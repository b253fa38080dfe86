"""A prompt as callers hear it, made on this machine: the words of its TwiML in a local voice, or its recordings.

The voice is another than the carrier's, and plainer; words, numbers, pauses and speed are those of the line.
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
# Between a number and the words around it, which the voice says one by one.
_BREATH = 0.12
# What a voice leaves before and after its words, beside which a pause would be longer than it is written.
_QUIET, _EDGE = 0.005, 0.02
# Louder, and the local voice is distorted.
_VOLUME = 0.4
_INSTALL = "The local voice is not installed: pip install py-nanotts (Linux and Windows), or record the words."
# Stands for a caller's number, and for a moment when nobody answers: a Sunday.
_CALLER, _SUNDAY = "603-555-0123", datetime(2026, 1, 4, 17, tzinfo=UTC)


class PreviewUnavailable(Exception):
    """Nothing can be heard: the words say why, and what to do."""


def spoken_prompts(content: Content, language: str) -> list[str]:
    """The names of all prompts that callers hear."""
    return sorted(name for code, name in content.prompts if code == language and content.prompt(code, name).spoken)


def render_preview(content: Content, language: str, name: str, *, telephone: bool = False) -> bytes:
    """A prompt's spoken pieces one after the other, and a menu's choices, as a WAV of 16,000 samples a second.

    The words that the line puts around every topic and menu ("To go on, press 1") are not in it: they are the same
    everywhere, and are heard by their own names (go-on, keys). What only a call tells is filled in with an example.
    telephone: mu-law, 8,000 samples a second, without the pitches that telephones swallow.
    Raises Unspoken where no voice speaks the language; KeyError for what is not among `spoken_prompts`.
    """
    heard = (part for block in _blocks(content, language, name) for part in _played(block, content))
    samples = np.concatenate([_silence(0), *_with_breaths(heard)])
    if telephone:
        return convert.encode_wav(convert.resample(samples, RATE, convert.RATE), convert.RATE, mu_law=True)
    return convert.encode_wav(samples, RATE)


def _blocks(content: Content, language: str, name: str) -> list[SpeechBlock]:
    speech = Speech(content, Graph(content))
    prompt = content.prompt(language, name)
    if not prompt.spoken:
        raise KeyError(name)
    examples = _examples(content, language)
    said = [speech.words(language, name, part, **examples) for part in range(len(prompt.spoken))]
    return [*said, speech.choices(language, name)] if name in content.config.menus else said


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
    }


def _silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.float32)


def _with_breaths(parts: Iterable[Samples]) -> Iterator[Samples]:
    """Words that follow upon words get a breath between them; a pause needs none."""
    sounded = False
    for part in parts:
        sounds = bool(part.any())
        if sounded and sounds:
            yield _silence(_BREATH)
        yield part
        sounded = sounds


def _played(block: SpeechBlock, content: Content) -> Iterator[Samples]:
    if block.recording:
        try:
            samples, rate = convert.decode_audio(content.audio[block.recording].data)
        except convert.UnusableAudio as error:
            raise PreviewUnavailable(f"Its recording cannot be played here. {error}") from error
        yield convert.resample(samples, rate, RATE)
        return
    locale, tag = get_locale(block.language), content.config.languages[block.language].tag
    voice = locale.preview_voices_by_tag.get(tag, locale.preview_voice)
    if voice is None:
        raise PreviewUnavailable(
            f"No local voice speaks `{block.language}`: call the line and listen, or record the words."
        )
    yield from _said(build_say(block, content.config), voice, 1.0)


def _said(verb: TwiML, voice: str, speed: float) -> Iterator[Samples]:
    """What a <Say> says, verb by verb. A speed within another is the voice's own, not a part of the outer one's:
    https://www.w3.org/TR/speech-synthesis11/#S3.2.4"""
    attributes: dict[str, Any] = verb.attrs
    if verb.name == "break":
        yield _silence(int(attributes["time"].removesuffix("ms")) / 1000)
        return
    speed = int(attributes["rate"].removesuffix("%")) / 100 if "rate" in attributes else speed
    if verb.value:
        yield from _words(_digit_by_digit(verb.value), voice, speed)
    for inner in verb.verbs:
        yield from _words(inner, voice, speed) if isinstance(inner, str) else _said(inner, voice, speed)


def _digit_by_digit(number: str) -> str:
    """603-668-3067 as "6 0 3, 6 6 8, 3 0 6 7": with a small pause after each group."""
    return ", ".join(" ".join(group) for group in number.split("-"))


def _words(words: str, voice: str, speed: float) -> Iterator[Samples]:
    """Words in the local voice, without the silence that it puts around them."""
    try:
        from py_nanotts import NanoTTS
    except ImportError as error:
        raise PreviewUnavailable(_INSTALL) from error
    if not any(map(str.isalnum, words)):
        return
    # The voice takes what stands between < and > for its own commands.
    plain = words.replace("<", " ").replace(">", " ")
    pcm: bytes = NanoTTS().speak(plain, voice=voice, speed=speed, volume=_VOLUME)
    samples: Samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
    loud = np.flatnonzero(np.abs(samples) > _QUIET)
    if len(loud):
        edge = int(_EDGE * RATE)
        yield samples[max(0, loud[0] - edge) : loud[-1] + edge]
