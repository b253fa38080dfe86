"""Decoding of the text files in prompts/."""

from __future__ import annotations

import re

from ivr.line.content.findings import BrokenPrompts, Finding

LARGEST_TEXT = 100_000
"""The size limit of line.yaml and of a prompt, in bytes."""
# XML 1.0 does not allow these, even escaped, and invalid TwiML would end the call.
# https://www.w3.org/TR/xml/#charsets
UNSPEAKABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def decode_text(file: str, data: bytes, largest: int = LARGEST_TEXT) -> str:
    """Decode UTF-8, drop a byte-order mark, and convert any line endings to `\\n`.

    Raises BrokenPrompts for more than `largest` bytes, another encoding, or a control character.
    """
    if len(data) > largest:
        message = f"This file has {len(data)} bytes: the limit is {largest}."
        raise BrokenPrompts([Finding(file, 0, "not-text", "error", message)])
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BrokenPrompts([Finding(file, line, "not-text", "error", "Save this file as text in UTF-8.")]) from None
    unspeakable = UNSPEAKABLE.search(text)
    if unspeakable:
        line = text.count("\n", 0, unspeakable.start()) + 1
        message = "This line has a character that no voice can say: remove it, and save the file as text in UTF-8."
        raise BrokenPrompts([Finding(file, line, "not-text", "error", message)])
    return text
