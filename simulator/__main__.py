"""`python -m simulator`. Exit status 2 for an invalid setting or a port that is in use."""

import errno
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from simulator.app import create_app
from simulator.ports import holder_of, next_free_port
from simulator.settings import Settings, SettingsError, settings_from

ADDRESS = "127.0.0.1"
BACKLOG = 256


class Handler(WSGIRequestHandler):
    """HTTP/1.1 with keep-alive, and no request log: paths and queries contain phone numbers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: object) -> None:
        """Log nothing."""


def server(settings: Settings) -> tuple[BaseWSGIServer, int]:
    """A server bound to loopback, and its port. Raises `SettingsError` if the port is unavailable."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(_cannot_listen(error, settings.port)) from None
    port = listener.getsockname()[1]
    http_server = make_server(
        ADDRESS,
        port,
        create_app(replace(settings, port=port)),
        threaded=True,
        request_handler=Handler,
        fd=listener.fileno(),
    )
    listener.close()
    return http_server, port


def _cannot_listen(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        reason, free = f"{holder_of(port) or 'another program'} already uses it", next_free_port(port)
    else:
        reason, free = error.strerror or "unknown", None
    setting = f"SIMULATOR_PORT={free}" if free else "SIMULATOR_PORT"
    return f"The simulator cannot use port {port}: {reason}. Choose another with {setting}."


def main(arguments: Sequence[str]) -> int:
    """Serve until a signal arrives."""
    try:
        settings = settings_from(os.environ, arguments)
        http_server, port = server(settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    for name in (signal.SIGTERM, signal.SIGINT):
        # There is no state to save, and threads that wait for the line must not delay the exit.
        signal.signal(name, lambda *_: os._exit(0))
    print(f"The simulated phone network is on http://{ADDRESS}:{port}", flush=True)
    http_server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
