"""A simulated phone network, a line that answers with the documents of each test, and the library for Node.js."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest

from tests.support.compiled import compile_once
from tests.support.network import Line, Network

__all__ = ["compile_once"]

NODE_LIBRARY = "twilio@6.3.1"


@pytest.fixture
def line():
    line = Line()
    yield line
    line.close()


@pytest.fixture
def network(line):
    network = Network(line)
    yield network
    network.close()


@pytest.fixture(scope="session")
def node(tmp_path_factory):
    """Node.js with the official library: its command, and the environment in which it finds the library."""
    command, npm = shutil.which("node"), shutil.which("npm")
    if not command or not npm:
        pytest.skip("Node.js and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    install = [npm, "install", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts", NODE_LIBRARY]
    installed = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=120)
    if installed.returncode:
        pytest.skip(f"npm cannot install {NODE_LIBRARY}: {installed.stderr.splitlines()[:1]}")
    return SimpleNamespace(command=command, environment={"NODE_PATH": str(folder / "node_modules")})
