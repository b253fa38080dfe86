"""`infoline call` and `infoline text`: a phone in the terminal.

Both speak only HTTP, to the simulated phone network at SIMULATOR_URL (default http://127.0.0.1:8010). Exit
status: 0 fine, 1 when the line failed, 2 for wrong use or when the phone network is not there.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import click

from ivr.settings import is_loopback

DEFAULT_URL = "http://127.0.0.1:8010"
DEFAULT_CALLER = "+16035550123"
OUTCOMES = ("busy", "no-answer", "failed", "completed")
CONNECT_SECONDS = 5.0
TURN_SECONDS = 120.0
TEXT_SECONDS = 10.0
WIDEST = 80


class NotThere(Exception):
    """The simulated phone network cannot be reached; the text is a sentence."""


class Silent(Exception):
    """No answer in time."""


class Refused(Exception):
    """The phone network will not do this; `status` is its HTTP status, the text its sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Token:
    """One thing that a caller does. `kind`: keys, speech, silence, dial, hangup; `value`: keys, words or
    an outcome.
    """

    kind: str
    value: str = ""

    @property
    def fits(self) -> str:
        """What a call must wait for when this is done."""
        return "transfer" if self.kind == "dial" else "keys"

    def message(self) -> dict[str, Any]:
        return {self.kind: self.value or True}

    def __str__(self) -> str:
        return {"silence": "-", "speech": f'"{self.value}"'}.get(self.kind, self.value)


@dataclass(frozen=True)
class Turn:
    """What a call said, and what it waits for: keys, transfer or over."""

    call: str
    said: list[str]
    waits: str
    dial: list[str]
    whispered: list[str]
    error: str | None

    @classmethod
    def read(cls, answer: dict[str, Any]) -> Turn:
        return cls(
            str(answer["call"]),
            [str(said) for said in answer["said"]],
            str(answer["waits"]),
            [str(number) for number in answer["dial"]],
            [str(said) for said in answer.get("whispered", [])],
            answer.get("error"),
        )

    def as_json(self) -> str:
        shown: dict[str, Any] = {"said": self.said, "waits": self.waits, "dial": self.dial}
        if self.error:
            shown["error"] = self.error
        return json.dumps(shown, ensure_ascii=False)


@dataclass(frozen=True)
class Network:
    """The simulated phone network."""

    url: str

    def post(self, path: str, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """One request. Raises `NotThere`, `Silent` after `seconds`, or `Refused`."""
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
            raise Silent from None
        except (OSError, http.client.HTTPException):
            raise NotThere(f"The phone network at {self.url} broke off. Is `infoline run` still there?") from None
        finally:
            connection.close()
        return self._read(status, body)

    def _connect(self) -> http.client.HTTPConnection:
        try:
            parts = urlsplit(self.url)
            port = parts.port or 80
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme != "http" or not is_loopback(self.url):
            raise NotThere(f"SIMULATOR_URL is {self.url!r}; it must be on this machine, such as {DEFAULT_URL}.")
        connection = http.client.HTTPConnection(parts.hostname or "", port, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
        except (OSError, UnicodeError):
            connection.close()
            raise NotThere(
                f"There is no phone network at {self.url}. Start `infoline run` first, "
                "or set SIMULATOR_URL to where it is."
            ) from None
        return connection

    def _read(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or (status != 200 and "error" not in answer):
            raise NotThere(f"Something is at {self.url}, but it is not the phone network of `infoline run`.")
        if status != 200:
            raise Refused(status, str(answer["error"]))
        return answer


def network() -> Network:
    return Network(os.environ.get("SIMULATOR_URL", "").strip().rstrip("/") or DEFAULT_URL)


@dataclass
class Handset:
    """One call in the terminal."""

    network: Network
    json: bool
    turn: Turn

    @classmethod
    def dial(cls, network: Network, caller: str, as_json: bool) -> Handset:
        """Call the line and show what it says first."""
        handset = cls(network, as_json, _turn(network.post("/simulator/calls", {"from": caller}, TURN_SECONDS)))
        handset.show()
        return handset

    def do(self, token: Token) -> None:
        path = f"/simulator/calls/{quote(self.turn.call)}/heard"
        self.turn = _turn(self.network.post(path, token.message(), TURN_SECONDS))
        self.show()

    def hang_up(self) -> None:
        """Quietly, whatever the call waits for; a call that is over already is fine."""
        if self.turn.waits != "over":
            path = f"/simulator/calls/{quote(self.turn.call)}/heard"
            try:
                self.network.post(path, Token("hangup").message(), TURN_SECONDS)
            except Refused:
                return

    def show(self) -> None:
        if self.json:
            click.echo(self.turn.as_json())
            return
        for said in self.turn.whispered:
            click.secho(_wrapped(f"(to whoever answered) {said}"), dim=True)
        for said in self.turn.said:
            click.secho(_wrapped(said), fg="cyan")
        if self.turn.waits == "transfer":
            click.secho(_wrapped("Ringing " + " and ".join(map(_readable, self.turn.dial))), fg="yellow")
        if self.turn.error:
            click.secho(_wrapped(self.turn.error), fg="red", err=True)
        if self.turn.waits == "over":
            click.secho("The call is over.", dim=True)


def _turn(answer: dict[str, Any]) -> Turn:
    try:
        return Turn.read(answer)
    except (KeyError, TypeError):
        raise NotThere("The phone network answered with something that is not a turn of a call.") from None


def _wrapped(text: str) -> str:
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    return "\n".join(textwrap.fill(line, max(width, 20)) for line in text.split("\n"))


def _readable(number: str) -> str:
    us = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", number)
    return f"{'-'.join(us.groups())} ({number})" if us else number


def tokens(keys: str) -> list[Token]:
    """The tokens of `--keys`. Raises `ValueError` with a sentence."""
    if keys.count('"') % 2:
        raise ValueError("a quotation mark is not closed.")
    commas_outside_quotes = r',(?=(?:[^"]*"[^"]*")*[^"]*$)'
    return [_token(part.strip()) for part in re.split(commas_outside_quotes, keys)]


def _token(written: str) -> Token:
    if re.fullmatch(r"[0-9*#]+", written):
        return Token("keys", written)
    if written == "-":
        return Token("silence")
    if written in OUTCOMES:
        return Token("dial", written)
    words = re.fullmatch(r'"([^"]*)"', written)
    if words and words[1].strip():
        return Token("speech", words[1].strip())
    raise ValueError(
        f"{written!r} is not something a caller does; use keys (0-9 * #), - for silence, "
        f'"words" in quotation marks, or at a transfer {", ".join(OUTCOMES)}, with commas between.'
    )


def _typed(line: str, waits: str) -> Token | None:
    """What a line typed at the prompt means; None when it does not fit."""
    line = line.strip()
    if waits == "transfer":
        return Token("dial", line) if line in OUTCOMES else None
    if re.fullmatch(r"[0-9*# ]+", line):
        return Token("keys", line.replace(" ", ""))
    words = line.strip('"').strip()
    return Token("speech", words) if words and line != "-" else Token("silence")


def _conversation(handset: Handset) -> None:
    """Ask and do until the call is over, or the person hangs up with q or the end of the input."""
    prompts = {
        "keys": "key, words, or Enter for silence (q hangs up)> ",
        "transfer": f"{', '.join(OUTCOMES)}> ",
    }
    while handset.turn.waits != "over":
        try:
            line = input("" if handset.json else prompts.get(handset.turn.waits, "> "))
        except EOFError:
            line = "q"
            if not handset.json:
                click.echo()
        if line.strip().lower() == "q":
            return
        token = _typed(line, handset.turn.waits)
        if token is None:
            click.echo(f"Somebody's phone is ringing: type {', '.join(OUTCOMES)}, or q to hang up.", err=True)
            continue
        handset.do(token)


def _play(handset: Handset, played: list[Token]) -> None:
    """Do each token in turn. Raises `Refused` (409) at one that does not fit; those after the end are not
    needed.
    """
    for number, token in enumerate(played, start=1):
        waits = handset.turn.waits
        if waits == "over":
            if not handset.turn.error:
                left = ", ".join(map(str, played[number - 1 :]))
                click.echo(f"The call was over before {left} could be played.", err=True)
            return
        if waits != token.fits:
            raise Refused(409, f"--keys: number {number}, {token}, does not fit: {_now(handset.turn)}.")
        handset.do(token)


def _now(turn: Turn) -> str:
    if turn.waits == "transfer":
        return f"somebody's phone is ringing, which ends with {', '.join(OUTCOMES)}"
    return "the call waits for keys, words or silence"


def _number(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if value == "anonymous" or re.fullmatch(r"\+[1-9][0-9]{6,14}", value):
        return value
    raise click.BadParameter(f"{value!r} is not a number such as {DEFAULT_CALLER}, with + and country code.")


def _texting_number(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value == "anonymous":
        raise click.BadParameter("nobody can send a text without a number.")
    return _number(context, parameter, value)


def _read_keys(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[Token] | None:
    try:
        return None if value is None else tokens(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@contextmanager
def _failing() -> Iterator[None]:
    """One sentence and the right exit status for everything that can go wrong between here and the
    network.
    """
    try:
        yield
    except NotThere as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(2) from None
    except Silent:
        click.echo("The phone network did not answer in time.", err=True)
        raise click.exceptions.Exit(1) from None
    except Refused as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(1 if error.status >= 500 else 2) from None


_FROM: dict[str, Any] = {"default": DEFAULT_CALLER, "show_default": True, "metavar": "N"}


@click.command()
@click.option("--from", "caller", help="The caller's number, or anonymous.", **_FROM, callback=_number)
@click.option(
    "--keys",
    callback=_read_keys,
    help='What the caller does, with commas between: keys, - (silence), "words", and at a transfer '
    "busy, no-answer, failed or completed. Then the caller hangs up. Without it, you are asked.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line a turn: said, waits, dial.")
def call(caller: str, keys: list[Token] | None, as_json: bool) -> None:
    """Call the line: a phone in the terminal."""
    with _failing():
        handset = Handset.dial(network(), caller, as_json)
        try:
            if keys is None:
                _conversation(handset)
            else:
                _play(handset, keys)
        except KeyboardInterrupt:
            if not as_json:
                click.echo()
        finally:
            handset.hang_up()
    if handset.turn.error:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("words")
@click.option("--from", "sender", help="The number it comes from.", **_FROM, callback=_texting_number)
@click.option("--json", "as_json", is_flag=True, help='One JSON object: {"reply": [..]}, [] for silence.')
def text(words: str, sender: str, as_json: bool) -> None:
    """Text WORDS to the line and show its answer."""
    if not words.strip():
        raise click.BadParameter("a text needs words.", param_hint="WORDS")
    with _failing():
        try:
            answer = network().post("/simulator/texts", {"from": sender, "body": words}, TEXT_SECONDS)
        except Silent:
            answer = {}
    replies = [str(reply) for reply in answer.get("replies", [])]
    if as_json:
        click.echo(json.dumps({"reply": replies}, ensure_ascii=False))
        return
    for reply in replies:
        click.secho("\n".join(_wrapped(line) for line in reply.split("\n")), fg="cyan")
    if not replies:
        click.echo("(no answer)", err=True)
