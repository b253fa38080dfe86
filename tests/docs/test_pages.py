"""Every page names only commands, settings, metrics, alarms, files, and headings that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from ivr.cli import main
from ivr.env_file import VARIABLE
from ivr.reminders.alarms import Alarm
from ivr.settings import Settings
from tests.docs.pages import (
    ALL_PAGES,
    CURRENT,
    GUIDES,
    ROOT_PAGES,
    SPAN,
    anchors,
    infoline_commands,
    link_targets,
    page_id,
    text_without_blocks,
)
from tests.support.paths import ROOT
from tests.test_docs import log_events, metrics

COMMANDS = sorted({(page_id(page), command) for page in CURRENT for command in infoline_commands(page)})


def resolve(arguments: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the arguments name, and the rest of them. Raises KeyError."""
    command: click.Command = main
    with click.Context(main) as context:
        while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
            found = command.get_command(context, arguments[0])
            if found is None:
                if command.invoke_without_command or not command.no_args_is_help:
                    break
                raise KeyError(arguments[0])
            command, arguments = found, arguments[1:]
    return command, arguments


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_command_on_a_page_exists_with_its_options(page: str, command: str) -> None:
    found, rest = resolve(shlex.split(command))
    assert found is not main
    with click.Context(found) as context:
        options = {option for param in found.get_params(context) for option in (*param.opts, *param.secondary_opts)}
    for word in rest:
        if word.startswith("-"):
            assert word.partition("=")[0] in options, word


def test_the_pages_name_commands() -> None:
    """So that the pattern which finds them does not silently find none."""
    assert len(COMMANDS) > 100
    assert {command for _, command in COMMANDS} >= {
        *("doctor --connect", "keys rotate", "prompts rollback 12", "reminders pause", "reminders cancel BATCH"),
        *("reminders import FILE --sheet NAME", "reminders import FILE --hidden-rows"),
    }
    for page in (
        "docs/first-look.md",
        "CONTRIBUTING.md",
        "docs/schedulers.md",
        "docs/prompts.md",
        "docs/operations.md",
    ):
        assert page in {name for name, _ in COMMANDS}, page


# Of this project, but no settings of the line: of tests, and a constant of `ivr/shipped.py`.
OTHER_VARIABLES = {VARIABLE, "TEST_POSTGRES_URL", "DATA_FILES", "OTEL_EXPORTER_OTLP_HEADERS"}
# Of nginx and PostgreSQL.
OTHER_NAMES = {
    "max_fails",
    "proxy_next_upstream",
    "set_real_ip_from",
    "pool_mode",
    "max_connections",
    "pg_dump",
    "limit_conn",
}
OTHER_NAMES |= {"lock_timeout", "idle_in_transaction_session_timeout"}
OTHER_NAMES |= {"max_parallel_workers_per_gather", "random_page_cost"}


def literals() -> set[str]:
    """The words that stand as text in the code: reasons, labels, and states."""
    files = [path for folder in ("ivr", "worker") for path in (ROOT / folder).rglob("*.py")]
    return {word for path in files for word in re.findall(r'"([a-z_]+)"', path.read_text())}


def simulator_variables() -> set[str]:
    files = (ROOT / "simulator").rglob("*.py")
    return {name for path in files for name in re.findall(r"\bSIMULATOR(?:_[A-Z]+)+", path.read_text())}


def metric_names() -> set[str]:
    """The metrics, and the names that Prometheus makes of them."""
    suffixes = ("", "_total", "_info", "_bucket", "_sum", "_count")
    return {name + suffix for name in metrics() for suffix in suffixes}


@pytest.mark.parametrize("page", CURRENT, ids=page_id)
def test_every_setting_and_metric_on_a_page_exists(page: Path) -> None:
    spans = [span for span in SPAN.findall(text_without_blocks(page)) if re.fullmatch(r"\w+(\{.*\}|=\S*)?", span)]
    names = {re.split(r"[={]", span)[0] for span in spans}
    settings = {name for name in names if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", name)}
    assert settings <= {name.upper() for name in Settings.model_fields} | OTHER_VARIABLES | simulator_variables()
    assert {name for name in names if name.startswith("infoline_")} <= metric_names()


OPERATING = [page for page in CURRENT if page.parent.name == "operations"]
OPERATING += [
    ROOT / "docs" / f"{name}.md" for name in ("operations", "metrics", "security", "abuse", "keys", "retention")
]


@pytest.mark.parametrize("page", OPERATING, ids=page_id)
def test_every_alarm_and_event_on_a_page_for_administrators_exists(page: Path) -> None:
    spans = [span.partition("=")[0] for span in SPAN.findall(text_without_blocks(page))]
    names = {span for span in spans if re.fullmatch(r"[a-z]+(_[a-z]+)+", span)}
    assert names <= {*Alarm, *log_events(), *metric_names(), *literals(), *OTHER_NAMES}


@pytest.mark.parametrize("page", ALL_PAGES, ids=page_id)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in link_targets(page):
        if re.match(r"(https?|mailto):", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def test_the_pages_have_links_images_and_anchors() -> None:
    targets = [target for page in ALL_PAGES for target in link_targets(page)]
    assert len(targets) > 100
    assert any(target.endswith(".png") for target in targets)
    assert any(target.endswith(".svg") for target in targets)
    assert any("#" in target for target in targets)


def test_the_index_leads_to_every_page() -> None:
    index = ROOT / "docs/README.md"
    listed = {(index.parent / target).resolve() for target in link_targets(index)}
    assert listed >= {*GUIDES, *ROOT_PAGES, ROOT / "CHANGELOG.md", ROOT / "docs/decisions"} - {index}


def test_every_image_is_on_a_page() -> None:
    shown = {(page.parent / target).resolve() for page in ALL_PAGES for target in link_targets(page)}
    # The dark variant shows that the console has one; today.png is on the page.
    assert set((ROOT / "docs/images").iterdir()) - {ROOT / "docs/images/today-dark.png"} <= shown


@pytest.mark.parametrize("page", CURRENT, ids=page_id)
def test_a_page_stays_short_enough_to_read(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= 400


# On one page: what fits into so many words, without its pictures and tables of commands.
ONE_PAGE = {"README.md": 800, "docs/schedulers.md": 700}


@pytest.mark.parametrize(("page", "most"), ONE_PAGE.items())
def test_a_page_that_a_person_reads_at_once_is_one_page(page: str, most: int) -> None:
    text = re.sub(r"^ {4}.*$|!\[.*?\]\(.*?\)", "", text_without_blocks(ROOT / page), flags=re.MULTILINE)
    assert len(re.findall(r"\w[\w'’-]*", re.sub(r"\]\(.*?\)", "]", text))) <= most


def readme_section(heading: str) -> str:
    text = (ROOT / "README.md").read_text()
    return re.split(r"^## ", text.split(f"## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_the_readme_begins_with_three_sentences_and_pictures() -> None:
    start = re.split(r"^\|", (ROOT / "README.md").read_text().partition("\n")[2], maxsplit=1, flags=re.MULTILINE)
    assert len(re.findall(r"[.!?](?:\s|$)", start[0])) == 3
    pictures = re.findall(r"!\[([^\]]+)\]\((docs/images/[\w-]+\.png)\)", start[1])
    assert [Path(file).stem for _, file in pictures] == ["phone", "today"]


def test_the_readme_says_in_ten_items_with_a_link_each_what_the_line_does() -> None:
    items = re.findall(r"^- (.*?)(?=^- |\Z)", readme_section("What it does"), re.MULTILINE | re.DOTALL)
    assert len(items) == 10
    for item in items:
        assert len(item.strip().splitlines()) <= 2, item
        assert re.search(r"\]\([^)]+\)", item), item


@pytest.mark.parametrize("page", CURRENT, ids=page_id)
def test_every_make_target_and_file_on_a_page_exists(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^ *|`|\$ )make ([a-z-]+)", text, re.MULTILINE)) <= targets
    for name in re.findall(r"`((?:ivr|worker|simulator|tests|tools|bench|deploy|docs|prompts)/[\w./-]*)`", text):
        # Made when somebody records a prompt, or by a hospital that needs its own.
        assert (ROOT / name).exists() or name in ("prompts/recordings/", "prompts/hl7.yaml"), name
