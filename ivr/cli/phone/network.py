"""The simulated phone network over HTTP, and what its errors mean for the exit status."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from ivr.cli.console import WIDTH, WRONG_USE, fail

DEFAULT_URL = "http://127.0.0.1:8010"
DEFAULT_CALLER = "+16035550123"
CONNECT_SECONDS = 5.0
LINE_FAILED = 1

FC = TypeVar("FC", bound=Callable[..., Any])


class NetworkUnavailable(Exception):
    """The phone network cannot be reached; the message is a sentence."""


class NoAnswer(Exception):
    """No answer in time."""


class RequestRefused(Exception):
    """The phone network refuses a request. `status`: its HTTP status; the message is a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class PhoneNetwork:
    """The simulated phone network at a loopback URL."""

    url: str

    @classmethod
    def from_environment(cls) -> PhoneNetwork:
        """The network at SIMULATOR_URL, or else that of the `infoline run` in this VAR_DIR."""
        from ivr.cli.run.running_file import running_line

        named = os.environ.get("SIMULATOR_URL", "").strip().rstrip("/")
        line = None if named else running_line(Path(os.environ.get("VAR_DIR", "").strip() or "var"))
        return cls(named or (line.simulator_url if line else DEFAULT_URL))

    def post(self, path: str, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """One request. Raises NetworkUnavailable, RequestRefused, or NoAnswer after `seconds`."""
        connection = self._connect()
        base = urlsplit(self.url).path.rstrip("/")
        headers = {"Content-Type": "application/json", "Connection": "close"}
        try:
            if connection.sock is not None:
                connection.sock.settimeout(seconds)
            connection.request("POST", base + path, json.dumps(message).encode(), headers)
            response = connection.getresponse()
            status, body = response.status, response.read()
        except TimeoutError:
            raise NoAnswer from None
        except (OSError, http.client.HTTPException):
            raise NetworkUnavailable(
                f"The phone network at {self.url} closed the connection. Is `infoline run` still running?"
            ) from None
        finally:
            connection.close()
        return self._read(status, body)

    def _connect(self) -> http.client.HTTPConnection:
        from ivr.setting_rules import is_loopback

        try:
            parts = urlsplit(self.url)
            port = parts.port or 80
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme != "http" or not is_loopback(self.url):
            raise NetworkUnavailable(
                f"SIMULATOR_URL is {self.url!r}, but it must be on this machine, such as {DEFAULT_URL}."
            )
        connection = http.client.HTTPConnection(parts.hostname or "", port, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
        except (OSError, UnicodeError):
            connection.close()
            raise NetworkUnavailable(
                f"There is no phone network at {self.url}. Start `infoline run`, or set SIMULATOR_URL."
            ) from None
        return connection

    def _read(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or (status != 200 and "error" not in answer):
            raise NetworkUnavailable(f"The server at {self.url} is not the phone network of `infoline run`.")
        if status != 200:
            raise RequestRefused(status, str(answer["error"]))
        return answer


@contextmanager
def network_errors() -> Iterator[None]:
    """Turns an error of the phone network into a sentence and an exit status."""
    try:
        yield
    except NetworkUnavailable as error:
        fail(error)
    except NoAnswer:
        fail("The request to the phone network timed out.", LINE_FAILED)
    except RequestRefused as error:
        fail(error, LINE_FAILED if error.status >= 500 else WRONG_USE)


def from_option(name: str, text: str, *, allow_anonymous: bool) -> Callable[[FC], FC]:
    """The option --from: a number in E.164, or "anonymous" if that is allowed."""

    def check_number(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
        if value == "anonymous" and not allow_anonymous:
            raise click.BadParameter("a text message needs a number.")
        if value == "anonymous" or re.fullmatch(r"\+[1-9][0-9]{6,14}", value):
            return value
        raise click.BadParameter(f"{value!r} is not a number such as {DEFAULT_CALLER}, with + and country code.")

    return click.option(
        "--from", name, default=DEFAULT_CALLER, show_default=True, metavar="N", callback=check_number, help=text
    )


def wrap(text: str) -> str:
    """Text at the width of the terminal, but no wider than 80 columns."""
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    return "\n".join(textwrap.fill(line, max(width, 20)) for line in text.split("\n"))
