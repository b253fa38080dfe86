"""Two machines with a line: two web processes, three workers, and two clocks, on one PostgreSQL and one Redis."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ivr.ledger import open_ledger
from tests.chaos.proxy import Proxy
from tests.cluster.balancer import Balancer
from tests.cluster.servers import PostgresServer, RedisServers, server_port
from tests.support.clinic import NOW, Clinic, at, csv_text
from tests.support.paths import ROOT
from tests.support.processes import Processes, wait_until

# A busy machine takes long to start a process.
STOP_SECONDS, START_SECONDS = 60, 240
# 6:00 p.m. in New Hampshire: the hospital is closed, so callers can ask to be called back, and texts may go out.
EVENING = NOW + timedelta(hours=8)
# Of so many questions in prompts/, one is kept.
QUESTIONS = 40
TIMINGS = {
    "CLOCK_SECONDS": 0.5,
    "LEASE_SECONDS": 15,
    "RECONCILE_SECONDS": 1.5,
    "RETRY_SECONDS": 0.5,
    "CARRIER_SECONDS": 2,
    "REQUESTED_TEXTS_PER_HOUR": 2_000,
    "CALLBACKS_PER_HOUR": 2_000,
}


def prepare_prompts(prompts: Path, pace: int) -> Path:
    """Set the pace of a copy of prompts/, and leave it few questions to learn from, so that no test trains for long."""
    line = prompts / "line.yaml"
    line.write_text(line.read_text().replace("pace: 10\n", f"pace: {pace}\n"))
    for questions in prompts.glob("*/questions.tsv"):
        questions.write_text("\n".join(questions.read_text().splitlines()[::QUESTIONS]) + "\n")
    return prompts


@dataclass
class Service:
    """A process of the line as a unit starts it. machine: 1 or 2. source: the folder of its code."""

    role: str
    machine: int
    process: subprocess.Popen[bytes]
    port: int = 0
    source: Path = ROOT


class Cluster:
    """The machines, the servers that they share, and a balancer. web_ports: those of the web processes."""

    def __init__(self, content: object, vault: object, folder: Path, pace: int, web_count: int = 2) -> None:
        self.folder, self.postgres, self.redis = folder, PostgresServer(), RedisServers(folder)
        self.database = Proxy("127.0.0.1", self.postgres.port)
        self.web_ports = [server_port() for _ in range(web_count)]
        self.balancer = Balancer(self.web_ports)
        threading.Thread(target=self.balancer.serve_forever, args=(0.05,), daemon=True).start()
        self.prompts = prepare_prompts(shutil.copytree(ROOT / "prompts", folder / "prompts"), pace)
        # The test reads the database directly, also while the line is cut off from it.
        self.clinic = Clinic(open_ledger(self.postgres.url()), vault, content, folder)
        self.processes = Processes(
            self.clinic,
            self.redis.url,
            PUBLIC_URL=f"http://127.0.0.1:{self.balancer.port}",
            DATABASE_URL=self.postgres.url(self.database.port),
            PROMPTS_DIR=self.prompts,
            CLOCK_SHIFT_SECONDS=(EVENING - datetime.now(UTC)).total_seconds(),
            **TIMINGS,
        )
        self.services: list[Service] = []

    def run(self, *command: str, source: Path = ROOT) -> None:
        """Run a command of `infoline` on the first machine, to its end."""
        process = self.processes.start("-m", "ivr.cli", *command, source=source, **self._settings(1, source))
        assert process.wait(START_SECONDS) == 0, self.processes.outputs()[-2000:]

    def import_due(self, name: str, numbers: Sequence[str], source: Path = ROOT) -> None:
        """Import an appointment for each number, with one reminder that is due now."""
        starts_at = at(2, -1)
        rows = [
            {"appointment_id": f"{name}-{index}", "phone": number, "starts_at": starts_at}
            for index, number in enumerate(numbers)
        ]
        file = self.folder / f"{name}.csv"
        file.write_text(csv_text(rows))
        self.run("reminders", "import", str(file), source=source)

    def start(self, role: str, machine: int, source: Path = ROOT) -> Service:
        """Start a web process, a worker, or a clock, with the command of the Procfile."""
        number = sum(service.role == "web" for service in self.services)
        port = self.web_ports[number] if role == "web" else 0
        service = Service(role, machine, self._start(role, machine, port, source), port, source)
        self.services.append(service)
        return service

    def _start(self, role: str, machine: int, port: int, source: Path) -> subprocess.Popen[bytes]:
        options = ["--port", str(port)] if port else []
        return self.processes.start("-m", "ivr.cli", role, *options, source=source, **self._settings(machine, source))

    def _settings(self, machine: int, source: Path) -> dict[str, object]:
        paths = {} if source == ROOT else {"PYTHONPATH": source, "PROMPTS_DIR": source / "prompts"}
        return {"VAR_DIR": self.folder / f"machine-{machine}", **paths}

    def of(self, role: str) -> list[Service]:
        return [service for service in self.services if service.role == role]

    def restart(self, service: Service) -> None:
        """Restart a process as `systemctl restart` does: SIGTERM, and start it once it has ended."""
        self.stop(service)
        self.start_again(service)

    def stop(self, service: Service) -> None:
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(STOP_SECONDS) == 0

    def kill(self, service: Service) -> None:
        self.processes.kill(service.process)
        self.start_again(service)

    def start_again(self, service: Service) -> None:
        service.process = self._start(service.role, service.machine, service.port, service.source)
        self.wait_until_ready(service)

    def wait_until_ready(self, service: Service) -> None:
        if service.port:
            wait_until(lambda: _responds(f"http://127.0.0.1:{service.port}/healthz"), START_SECONDS)

    def end(self) -> None:
        self.processes.end()
        self.balancer.shutdown()
        self.balancer.server_close()
        self.clinic.ledger.close()
        self.database.close()
        self.redis.end()
        self.postgres.end()


def _responds(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=2) as response:
        return bool(response.status == 200)
    return False
