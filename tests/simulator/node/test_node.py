"""The official library for Node.js against the simulator: the REST API, and an app that a phone calls and texts."""

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from simulator.settings import Settings
from tests.simulator.samples.conftest import Phone
from tests.support.network import SERVICE, Network

pytestmark = pytest.mark.processes

FOLDER = Path(__file__).parent
KEY, SECRET = Settings().api_key.split(":")


def test_each_resource_works_or_is_refused_with_twilios_code(network, line, node):
    line.says = {"/menu": "<Gather/>", "/other": "<Gather/>", "/cat.png": (200, "image/png", "cat")}
    line.says["/seen"] = lambda _: (200, "text/plain", " ".join(path for _, path, _, _ in line.asked))
    environment = {"SIMULATOR_URL": network.url, "LINE_URL": line.url, "API_KEY": KEY, "API_SECRET": SECRET}
    result = subprocess.run(
        [node.command, "rest.js"], cwd=FOLDER, capture_output=True, text=True, timeout=60,
        env={**os.environ, **node.environment, **environment},
    )  # fmt: skip
    assert result.stderr == ""
    assert json.loads(result.stdout) == {
        "messages": {
            "redacted": "",
            "deleted": 20404,
            "scheduled": "scheduled",
            "canceled": "canceled",
            "media": ["image/png"],
            "noNumber": 21211,
            "content": 21655,
        },
        "calls": {"noNumber": 21211},
        "numbers": {"smsUrl": line.url + "/in", "smsMethod": "GET"},
        "account": "active",
        "currency": "USD",
        "wrongKey": 20003,
        "services": [SERVICE],
        "otherProduct": 20404,
        "otherServices": 20404,
        "alerts": [],
    }


@pytest.fixture
def quickstart(node):
    """The network whose number calls quickstart.js."""
    process = subprocess.Popen(
        [node.command, "quickstart.js"], cwd=FOLDER, stdout=subprocess.PIPE, text=True,
        env={**os.environ, **node.environment},
    )  # fmt: skip
    network = Network(SimpleNamespace(url=f"http://127.0.0.1:{process.stdout.readline().strip()}"), strict=False)
    yield network
    network.close()
    process.kill()
    process.communicate()


def test_a_phone_uses_an_app_in_node_as_its_callers_would(quickstart):
    caller = Phone(quickstart).calls().hears("For sales").presses("9").hears("For sales")
    caller.presses("1").rings("+16035550131").does(dial="busy").hears("Thank you: busy").is_over()
    Phone(quickstart).calls().presses("2").hears("Leave a message").says("call me back please").hears("2.").is_over()
    assert quickstart.text("hi")[1]["replies"] == ["Message 1: hi", "It is queued."]
    assert quickstart.text("hi")[1]["replies"] == ["Message 2: hi", "It is queued."]
    assert quickstart.ask("/simulator/errors")[1] == []
