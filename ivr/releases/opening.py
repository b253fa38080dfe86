"""Open a stored release with today's code: what it lacks is taken from the words that the code came with."""

from __future__ import annotations

from pathlib import Path

from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import LINE_FILE, Content, Files, read_content, read_folder
from ivr.line.content.upgrades import read_release
from ivr.shipped import shipped_prompts


def open_release(files: Files, prompts_dir: Path) -> Content:
    """Read a release's stored files; the digest stays theirs. prompts_dir: where the words are, if not beside the code.

    Raises BrokenPrompts when it cannot be mended.
    """
    try:
        return read_content(files)
    except BrokenPrompts:
        return read_release(files, _shipped(prompts_dir))


def _shipped(prompts_dir: Path) -> Files:
    shipped = shipped_prompts()
    try:
        return read_folder(shipped if (shipped / LINE_FILE).is_file() else prompts_dir)
    except BrokenPrompts:
        return {}
