"""The web processes: each serves the same socket, and the first replaces those that die."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import TYPE_CHECKING

from ivr import log
from ivr.side_process import be_less_urgent
from ivr.web.body_files import BodyFolder
from ivr.web.server.connections import Networks
from ivr.web.server.console_process import ConsoleProcess, receive_connections
from ivr.web.server.request_counts import CONSOLE, RequestCounts
from ivr.web.server.server import STOP_SECONDS, Server
from ivr.web.server.site import Site

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

RESTART_SECONDS = 1.0
PARENT_SECONDS = 1.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def listen(address: str, port: int) -> socket.socket:
    """Return a socket bound to an IP address. Raises OSError if the port is in use."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    return listener


@dataclass(frozen=True)
class Served:
    """What a process serves. per_address, proxies: see Connections. description: logged at the start; no secrets.

    prepare: called on a thread once requests are answered, so that the first ones need not wait. close: called at the
    end. console: makes what a process of its own serves, to which the console's requests go; None if `app` answers
    them. bodies: where large bodies of requests go.
    """

    app: WSGIApplication
    counts: RequestCounts
    per_address: int
    proxies: Networks = ()
    description: Mapping[str, object] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None
    console: Callable[[], Served] | None = None
    bodies: BodyFolder | None = None


Factory = Callable[[], Served]


def _prepare(served: Served) -> None:
    served.prepare()
    # A full collection goes through all objects of the program, and stops all threads for a fifth of a second.
    gc.freeze()


def serve(factory: Factory, listener: socket.socket, processes: int) -> None:
    """Serve until SIGTERM or SIGINT, and finish the requests in flight.

    factory: called in each process. It must be importable, because processes are started afresh.
    """
    if processes == 1:
        _serve_here(factory, listener, 0)
    else:
        _Processes(factory, listener, processes).run()


def _serve_here(factory: Factory, listener: socket.socket, number: int, parent: int = 0) -> None:
    asyncio.run(_run(factory, listener, number, parent))


async def _run(factory: Factory, listener: socket.socket, number: int, parent: int) -> None:
    # A signal ends the process at once until it serves: it may be waiting for a model.
    served = factory()
    stop = _stop_signal()
    address, port = listener.getsockname()[:2]
    served.counts.save_as(f"{port}-{number}")
    console = ConsoleProcess(partial(_serve_console, served.console), port, number) if served.console else None
    server = Server(Site(served.app, served.counts), served.per_address, served.proxies, console, served.bodies)
    log.log_start("web", pid=os.getpid(), bind=address, port=port, **served.description)
    await server.start(listener)
    threading.Thread(target=_prepare, args=(served,), name="prepare", daemon=True).start()
    # A process whose parent was killed must not keep the port.
    while not stop.is_set() and (not parent or os.getppid() == parent):
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PARENT_SECONDS)
    await server.stop()
    if console is not None:
        await asyncio.to_thread(console.close, STOP_SECONDS)
    served.counts.save()
    served.close()


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for name in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return stop


def _serve_console(factory: Factory, channel: socket.socket, port: int, number: int) -> None:
    be_less_urgent(by=5)
    asyncio.run(_run_console(factory, channel, port, number))


async def _run_console(factory: Factory, channel: socket.socket, port: int, number: int) -> None:
    """Serve the connections that a web process passes on, until it ends."""
    stop, loop = _stop_signal(), asyncio.get_running_loop()
    served = factory()
    served.counts.save_as(f"{port}-{number}{CONSOLE}")
    server = Server(Site(served.app, served.counts), served.per_address, served.proxies, bodies=served.bodies)
    server.start_without_listener(port)
    log.get_logger().info("console_process_started", pid=os.getpid(), port=port)
    threading.Thread(target=_prepare, args=(served,), name="prepare", daemon=True).start()

    def adopt(sock: socket.socket, received: bytes) -> None:
        asyncio.run_coroutine_threadsafe(server.adopt(sock, received), loop)

    def end() -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)

    receive_connections(channel, adopt, end)
    await stop.wait()
    await server.stop()
    served.counts.save()
    served.close()


class _Processes:
    """Several web processes."""

    def __init__(self, factory: Factory, listener: socket.socket, count: int) -> None:
        self._factory, self._listener = factory, listener
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._stopping = False
        self._children: dict[int, SpawnProcess] = {}
        self._count = count

    def run(self) -> None:
        for name in _SIGNALS:
            signal.signal(name, self._stop)
        # Woken by a signal even if it arrives just before the wait.
        woken, wake = socket.socketpair()
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for number in range(self._count):
            self._start(number)
        while not self._stopping:
            wait([woken, *(child.sentinel for child in self._children.values())])
            for number, child in list(self._children.items()):
                if not self._stopping and not child.is_alive():
                    log.get_logger().error("web_process_died", number=number, status=child.exitcode)
                    time.sleep(RESTART_SECONDS)
                    if not self._stopping:
                        self._start(number)
        self._end()

    def _start(self, number: int) -> None:
        arguments = (self._factory, self._listener, number, os.getpid())
        child = self._context.Process(target=_serve_here, args=arguments, name=f"web-{number}")
        child.start()
        self._children[number] = child

    def _stop(self, *_signal: object) -> None:
        self._stopping = True

    def _end(self) -> None:
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + STOP_SECONDS + 5
        for child in self._children.values():
            child.join(max(0.0, deadline - time.monotonic()))
            if child.is_alive():
                child.kill()
