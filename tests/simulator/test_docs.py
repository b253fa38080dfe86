"""docs/simulator.md: its snippets run as pasted, and its tables say what the code says."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from ivr.cli.run.supervisor import _CHILD_DEFAULTS
from simulator.app import create_app
from simulator.numbers import CALL_OUTCOMES, TEXT_OUTCOMES
from simulator.rest.fields import CREATE_CALL, CREATE_MESSAGE, CREATE_NUMBER, CREATE_PARTICIPANT
from simulator.settings import OPTIONS, Settings
from simulator.twiml.grammar import SPEECH, TEXT_VERBS, UNSUPPORTED, VOICE_VERBS, WITHOUT_EFFECT
from simulator.webhook import Webhook
from tests.support.network import wait_for
from tests.support.paths import ROOT
from tests.support.processes import free_port

# How the table of settings writes the default values that it does not show as they are.
DEFAULTS = {
    "AC" + "0" * 32: "AC and 32 zeros",
    "0" * 32: "32 zeros",
    "SK" + "0" * 32 + ":" + "0" * 32: "SK and 32 zeros, a colon, 32 zeros",
}
DOC = (ROOT / "docs" / "simulator.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.DOTALL)


def section(title):
    return re.split(r"^## ", DOC, flags=re.MULTILINE)[[*titles()].index(title) + 1].partition("\n")[2]


def titles():
    return re.findall(r"^## (.*)$", DOC, re.MULTILINE)


@contextmanager
def running(folder, command, ready, **environment):
    """A shell command of the page in the background, until it has printed `ready`."""
    log = folder / f"{len(list(folder.iterdir()))}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, shell=True, cwd=folder, stdout=output, stderr=output, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": PATH, **environment},
        )  # fmt: skip
    try:
        wait_for(lambda: ready in log.read_text(), 30)
        yield log
    finally:
        os.killpg(process.pid, 15)
        process.wait()


PATH = f"{ROOT / '.venv' / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture
def simulator(tmp_path):
    port = free_port()
    with running(tmp_path, f"{sys.executable} -m simulator --port {port}", "phone network"):
        yield f"http://127.0.0.1:{port}"


# The snippets


@pytest.mark.processes
def test_the_app_the_simulator_and_the_commands_run_as_shown(tmp_path):
    (tmp_path / "app.py").write_text(blocks("python")[0])
    ports = {"5000": str(free_port()), "8010": str(free_port())}

    def on_free_ports(text):
        return re.sub("5000|8010", lambda match: ports[match[0]], text)

    app, phone_network = (on_free_ports(block) for block in blocks("sh"))
    shown = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", on_free_ports(blocks("console")[0]), re.MULTILINE)
    assert len(shown) == 3
    environment = {"SIMULATOR_URL": f"http://127.0.0.1:{ports['8010']}", "PATH": PATH, "PYTHONPATH": str(ROOT)}
    with running(tmp_path, app, "Running on"), running(tmp_path, phone_network, "phone network"):
        for command, printed in shown:
            command = command.replace("infoline ", f"{sys.executable} -m ivr.cli ")
            result = subprocess.run(
                command, shell=True, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, **environment}
            )
            assert result.returncode == 0, result.stderr
            assert printed.strip() in result.stdout


@pytest.mark.processes
def test_the_python_library_reaches_the_simulator_as_pasted(tmp_path, simulator):
    (tmp_path / "client.py").write_text(blocks("python")[1])
    environment = {**os.environ, "SIMULATOR_URL": simulator}
    result = subprocess.run(
        [sys.executable, "client.py"], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert (result.stdout, result.stderr) == ("queued queued USD\n", "")


@pytest.mark.processes
def test_the_node_library_reaches_the_simulator_as_pasted(tmp_path, simulator, node):
    (tmp_path / "client.js").write_text(blocks("javascript")[0])
    environment = {**os.environ, **node.environment, "SIMULATOR_URL": simulator}
    result = subprocess.run([node.command, "client.js"], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert (result.stdout, result.stderr) == ("queued queued USD\n", "")


# The tables


def test_the_table_of_rest_resources_is_complete():
    shown = set()
    for group in re.findall(r"^\| [^|]+ \| (.*) \|$", section("What works"), re.MULTILINE):
        for methods, path in re.findall(r"((?:GET|POST|DELETE)[A-Z, ]*) `([^`]+)`", group):
            shown |= {(method.strip(), path) for method in methods.split(",")}
    rules = [rule for rule in create_app(Settings()).url_map.iter_rules() if re.match(r"/(2010|v1)", rule.rule)]
    served = {
        (method, re.sub(r"^/2010-04-01/Accounts/<account_sid>/?", "", re.sub(r"<(?!account)\w+>", "{Sid}", rule.rule)))
        for rule in rules
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert shown == served


def test_the_lists_of_twiml_are_complete():
    calls, texts = re.findall(r"^TwiML for (?:calls|texts): ((?:.|\n)*?)\.\n", section("What works"), re.MULTILINE)
    refused = re.search(r"TwiML that is refused[^:]*: ((?:.|\n)*?)\.\n", section("What does not work"))[1]
    assert set(re.findall(r"`<(\w+)>`", calls)) == set(VOICE_VERBS) - set(SPEECH)
    assert set(re.findall(r"`<(\w+)>`", texts)) == set(TEXT_VERBS)
    assert set(re.findall(r"`<(\w+)>`", refused)) == set(UNSUPPORTED)


def test_the_table_of_what_has_no_effect_is_complete():
    rows = re.findall(r"^\| (`<\w+>`|[a-z]+) \| ((?:`\w+` ?)+)\|$", section("What does not work"), re.MULTILINE)
    shown = {where.strip("`<>"): set(re.findall(r"\w+", names)) for where, names in rows}
    forms = {
        "messages": CREATE_MESSAGE, "calls": CREATE_CALL, "participants": CREATE_PARTICIPANT, "numbers": CREATE_NUMBER,
    }  # fmt: skip
    assert shown == WITHOUT_EFFECT | {title: set(form.without_effect) for title, form in forms.items()}


def as_written(value):
    """A default value as the table of settings shows it."""
    if isinstance(value, Webhook):
        return value.url
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value == {}:
        return "none"
    return DEFAULTS.get(value) or (f"{value:g}" if isinstance(value, float) else str(value))


def test_the_table_of_settings_is_complete():
    shown = re.findall(r"^\| `(\w+)` \| `(--[\w-]+)` \| (.*) \|$", section("Settings"), re.MULTILINE)
    assert {(variable, flag) for variable, flag, _ in shown} == {(option.variable, option.flag) for option in OPTIONS}
    fields = {option.variable: option.field for option in OPTIONS}
    for variable, _, default in shown:
        written = as_written(getattr(Settings(), fields[variable]))
        assert re.match(re.escape(written) + r"(?![\w/])", default), variable


def test_the_defaults_of_infoline_run_are_those_of_the_table():
    shown = dict(re.findall(r"^\| `(\w+)` \|.*`infoline run`: (/?\w[\w/]*) \|$", section("Settings"), re.MULTILINE))
    assert shown == {name: value for name, value in _CHILD_DEFAULTS.items() if name.startswith("SIMULATOR_")}


def test_the_table_of_reserved_numbers_is_complete():
    rows = re.findall(r"^\| (555-\d{4}) \| ([^|]+) \| \|([^|]*)\|([^|]*)\|$", section("Phones"), re.MULTILINE)
    texts = {number.replace("-", ""): words for number, words, _, _ in rows}
    calls = {number.strip().replace("-", ""): words.strip() for _, _, number, words in rows if number.strip()}
    assert calls == CALL_OUTCOMES
    assert set(texts) == set(TEXT_OUTCOMES)
    for number, outcome in TEXT_OUTCOMES.items():
        assert texts[number].startswith(outcome.last)
        assert (str(outcome.error) in texts[number]) == (outcome.error is not None)


def test_the_requests_of_the_phones_exist():
    shown = re.findall(r"^\| (GET|POST) `([^`]+)` \|", section("Phones"), re.MULTILINE)
    adapter = create_app(Settings()).url_map.bind("127.0.0.1")
    assert len(shown) >= 7
    for method, path in shown:
        assert adapter.match(re.sub(r"\{\w+\}", "x", path), method)


def test_the_codes_of_refusals_are_those_of_the_code():
    from simulator.rest.errors import ERRORS

    codes = {int(code) for code in re.findall(r"\b[26]\d{4}\b", section("What does not work"))}
    assert codes <= set(ERRORS), json.dumps(sorted(codes))
