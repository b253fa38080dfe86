"""A simulated phone network, and a line that answers with the documents of each test."""

import pytest

from tests.support.compiled import compile_once
from tests.support.network import Line, Network

__all__ = ["compile_once"]


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
