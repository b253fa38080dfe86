"""What strangers send through nginx with the sample configuration: nginx and the line read each request alike."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from ivr.line.content.loader import Content
from ivr.line.nlu.training import examples_of
from ivr.releases import models
from tests.attack.exchange import Door
from tests.attack.outside import Attack, attacks
from tests.attack.target import fill
from tests.deploy.test_nginx import NGINX, OUTSIDE, Site
from tests.support.clinic import open_clinic
from tests.support.processes import Processes

pytestmark = [pytest.mark.processes, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]


@pytest.fixture(scope="module")
def site(content: Content, queue_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("nginx")
    # A process that trains takes long to start.
    models.train_model(examples_of(content))
    with Redis.from_url(queue_server) as connection:
        connection.flushall()
    with open_clinic(content, tmp_path_factory.mktemp("line")) as clinic:
        fill(clinic)
        processes = Processes(clinic, queue_server, BIND_HOST="127.0.0.1", SECRET_KEY="k3y-of-a-console-" * 3)
        site = Site(processes, Path(folder))
        yield site
        site.end()
        processes.end()


def test_nothing_that_a_stranger_sends_through_the_proxy_gets_further_than_a_refusal(site: Site) -> None:
    door = Door(f"https://127.0.0.1:{site.port}", OUTSIDE, verify=False)
    chosen: list[Attack] = attacks(door)
    with ThreadPoolExecutor(12) as threads:
        faults = list(threads.map(lambda attack: attack.run(door), chosen))
    assert {str(attack): fault for attack, fault in zip(chosen, faults, strict=True) if fault} == {}
    assert site.turn("CA" + "7" * 32)[0] == 200
