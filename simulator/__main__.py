"""`python -m simulator`: the process. Exit status 2 for settings that cannot be used and for a taken port."""

import errno
import os
import signal
import socket
import sys
from collections.abc import Sequence

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from simulator.app import create_app
from simulator.settings import Settings, Wrong, settings_from

ADDRESS = "127.0.0.1"
WAITING_CONNECTIONS = 256


class Handler(WSGIRequestHandler):
    """Keeps connections open, answers at once, and logs nothing: paths and queries hold phone numbers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


def server(settings: Settings) -> tuple[BaseWSGIServer, int]:
    """A server that is bound to loopback, and its port. Raises `Wrong` when the port is taken."""
    wire = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        wire.bind((ADDRESS, settings.port))
        wire.listen(WAITING_CONNECTIONS)
    except OSError as error:
        wire.close()
        reasons = {errno.EADDRINUSE: "something else already uses it", errno.EACCES: "it is not allowed"}
        reason = reasons.get(error.errno or 0, error.strerror or "unknown")
        raise Wrong(
            f"The simulator cannot use port {settings.port}: {reason}. Choose another with SIMULATOR_PORT."
        ) from None
    port = wire.getsockname()[1]
    made = make_server(
        ADDRESS,
        port,
        create_app(settings),
        threaded=True,
        request_handler=Handler,
        fd=wire.fileno(),
    )
    wire.close()
    return made, port


def main(arguments: Sequence[str]) -> int:
    """Serve until a signal comes."""
    try:
        settings = settings_from(os.environ, arguments)
        made, port = server(settings)
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 2
    for name in (signal.SIGTERM, signal.SIGINT):
        # Nothing is worth saving, and threads that wait for the line must not hold up the end.
        signal.signal(name, lambda *_: os._exit(0))
    print(f"The simulated phone network is on http://{ADDRESS}:{port}", flush=True)
    made.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
