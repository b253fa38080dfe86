"""The Markdown pages of the project, and what they name: commands, code spans, links, and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

GUIDES = [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/operations").glob("*.md"))]
ROOT_PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
CURRENT = [*ROOT_PAGES, *GUIDES]
"""Pages about the line as it is. A decision or the changelog may name what has gone since."""
ALL_PAGES = [*CURRENT, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs/decisions").glob("*.md"))]

SPAN = re.compile(r"`([^`\n]+)`")
# In text and on indented lines, what begins with one of these, or with a path that ends in one, is a command.
PROGRAMS = (
    *("alias", "apt-get", "chmod", "cp", "curl", "echo", "git", "honcho", "install", "journalctl", "make", "nginx"),
    *("npm", "openssl", "pg_dump", "pip", "pipx", "podman", "promtool", "psql", "pybabel", "python", "python3"),
    *("redis-cli", "sh", "sudo", "systemctl", "systemd-analyze", "useradd", "uv"),
)
_COMMAND = re.compile(rf"(\w+=\S+ )*([\w./-]*/)?({'|'.join(PROGRAMS)}) \S|\.ci/\w|\. \S+/activate\b")
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_without_blocks(page: Path) -> str:
    return BLOCK.sub("", page.read_text())


def blocks(page: Path, language: str) -> Iterator[str]:
    for indent, kind, body in BLOCK.findall(page.read_text()):
        if kind == language:
            yield re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)


def shell_commands(page: Path) -> list[str]:
    joined = "".join(blocks(page, "console")).replace("\\\n", " ")
    return [" ".join(line.removeprefix("$ ").split()) for line in joined.splitlines() if line.strip()]


def infoline_commands(page: Path) -> Iterator[str]:
    """The arguments of each `infoline` command on a page, in code spans and blocks.

    Two spaces or more begin a comment; `pause | resume BATCH` are two commands, and brackets hold what is optional.
    """
    text = text_without_blocks(page)
    candidates = [*SPAN.findall(text), *shell_commands(page)]
    candidates += re.findall(r"^    (infoline .*)", text, re.MULTILINE)
    for candidate in candidates:
        if match := re.match(r"(?:\.venv/bin/)?infoline ((?!-)[^&]*)", candidate):
            yield from _alternatives(re.split(r"  +|;", match[1].strip())[0])


def commands_in_text(page: Path) -> Iterator[str]:
    """The other commands on a page that are outside of its blocks: in code spans, and on indented lines."""
    text = text_without_blocks(page)
    for candidate in (*SPAN.findall(text), *re.findall(r"^    +(?:\$ )?(\S.*)", text, re.MULTILINE)):
        for command in re.split(r"  +|;$", candidate)[0].split(" && "):
            if _COMMAND.match(command):
                yield command


def _alternatives(usage: str) -> Iterator[str]:
    words = re.sub(r"[\[\]]", "", usage).split()
    while "|" in words:
        at = words.index("|")
        yield " ".join(words[:at])
        # A subcommand replaces the one before; an option stands beside it.
        kept = [word for word in words[: at - 1] if not word.startswith("-")]
        words = [*kept, *words[at + 1 :]]
    yield " ".join(words)


def link_targets(page: Path) -> Iterator[str]:
    """The targets of all links and images, without those in code."""
    text = SPAN.sub("", text_without_blocks(page))
    yield from re.findall(r"\]\(([^)\s]+)\)", text)
    yield from re.findall(r'<(?:img|a)\b[^>]*?\b(?:src|href)="([^"]+)"', text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)", text_without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}
