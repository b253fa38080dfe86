"""`infoline call`, typed or played from --keys, and `infoline text`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import click

from ivr.cli.console import print_json
from ivr.cli.phone.network import (
    LINE_FAILED,
    NetworkUnavailable,
    NoAnswer,
    PhoneNetwork,
    RequestRefused,
    from_option,
    network_errors,
    wrap,
)

DIAL_OUTCOMES = ("busy", "no-answer", "failed", "completed")
TURN_SECONDS = 120.0
REPLY_SECONDS = 10.0


@dataclass(frozen=True)
class CallerInput:
    """One input of a caller. `kind`: keys, speech, silence, dial or hangup; `value`: the keys, speech or outcome."""

    kind: str
    value: str = ""

    @property
    def fits(self) -> str:
        """What a call must wait for to take this input."""
        return "transfer" if self.kind == "dial" else "keys"

    def __str__(self) -> str:
        return {"silence": "-", "speech": f'"{self.value}"'}.get(self.kind, self.value)


@dataclass(frozen=True)
class PhoneTurn:
    """What a call said, and what it waits for: keys, transfer or over."""

    call: str
    said: list[str]
    waits: str
    dial: list[str]
    whispered: list[str]
    error: str | None

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> PhoneTurn:
        try:
            return cls(
                str(answer["call"]),
                [str(sentence) for sentence in answer["said"]],
                str(answer["waits"]),
                [str(number) for number in answer["dial"]],
                [str(sentence) for sentence in answer.get("whispered", [])],
                answer.get("error"),
            )
        except (KeyError, TypeError):
            raise NetworkUnavailable("The answer of the phone network is not a turn of a call.") from None

    def as_json(self) -> str:
        fields: dict[str, Any] = {"said": self.said, "waits": self.waits, "dial": self.dial}
        if self.error:
            fields["error"] = self.error
        return json.dumps(fields, ensure_ascii=False)


@dataclass
class PhoneCall:
    """One call in the terminal."""

    network: PhoneNetwork
    json: bool
    turn: PhoneTurn

    @classmethod
    def dial(cls, network: PhoneNetwork, caller: str, as_json: bool) -> PhoneCall:
        """Call the line and print what it says first."""
        turn = PhoneTurn.from_answer(network.post("/simulator/calls", {"from": caller}, TURN_SECONDS))
        call = cls(network, as_json, turn)
        call._print()
        return call

    def send(self, caller_input: CallerInput) -> None:
        """Send one input and print the next turn."""
        self.turn = PhoneTurn.from_answer(self._post(caller_input))
        self._print()

    def hang_up(self) -> None:
        """Hang up, unless the call is over already."""
        if self.turn.waits != "over":
            try:
                self._post(CallerInput("hangup"))
            except RequestRefused:
                return

    def _post(self, caller_input: CallerInput) -> dict[str, Any]:
        path = f"/simulator/calls/{quote(self.turn.call)}/heard"
        return self.network.post(path, {caller_input.kind: caller_input.value or True}, TURN_SECONDS)

    def _print(self) -> None:
        if self.json:
            click.echo(self.turn.as_json())
            return
        for sentence in self.turn.whispered:
            click.secho(wrap(f"(to the person who answered) {sentence}"), dim=True)
        for sentence in self.turn.said:
            click.secho(wrap(sentence), fg="cyan")
        if self.turn.waits == "transfer":
            click.secho(wrap("Ringing " + " and ".join(map(_format_number, self.turn.dial))), fg="yellow")
        if self.turn.error:
            click.secho(wrap(self.turn.error), fg="red", err=True)
        if self.turn.waits == "over":
            click.secho("The call is over.", dim=True)


def _format_number(number: str) -> str:
    us = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", number)
    return f"{'-'.join(us.groups())} ({number})" if us else number


def parse_keys(keys: str) -> list[CallerInput]:
    """The inputs of `--keys`. Raises ValueError with a sentence."""
    if keys.count('"') % 2:
        raise ValueError("a quotation mark is not closed.")
    commas_outside_quotes = r',(?=(?:[^"]*"[^"]*")*[^"]*$)'
    return [_parse_input(part.strip()) for part in re.split(commas_outside_quotes, keys)]


def _parse_input(part: str) -> CallerInput:
    if re.fullmatch(r"[0-9*#]+", part):
        return CallerInput("keys", part)
    if part == "-":
        return CallerInput("silence")
    if part in DIAL_OUTCOMES:
        return CallerInput("dial", part)
    speech = re.fullmatch(r'"([^"]*)"', part)
    if speech and speech[1].strip():
        return CallerInput("speech", speech[1].strip())
    raise ValueError(
        f'{part!r} is not an input: use keys (0-9 * #), - for silence, "words" in quotation marks, or at a transfer'
        f" {', '.join(DIAL_OUTCOMES)}, separated by commas."
    )


def _parse_typed(line: str, waits: str) -> CallerInput | None:
    """The input that a line typed at the prompt means; None if the call cannot take it."""
    line = line.strip()
    if waits == "transfer":
        return CallerInput("dial", line) if line in DIAL_OUTCOMES else None
    if re.fullmatch(r"[0-9*# ]+", line):
        return CallerInput("keys", line.replace(" ", ""))
    speech = line.strip('"').strip()
    return CallerInput("speech", speech) if speech and line != "-" else CallerInput("silence")


def _converse(call: PhoneCall) -> None:
    """Prompt for inputs until the call is over, or until q or the end of standard input."""
    prompts = {"keys": "key, words, or Enter for silence (q hangs up)> ", "transfer": f"{', '.join(DIAL_OUTCOMES)}> "}
    while call.turn.waits != "over":
        try:
            line = input("" if call.json else prompts.get(call.turn.waits, "> "))
        except EOFError:
            line = "q"
            if not call.json:
                click.echo()
        if line.strip().lower() == "q":
            return
        caller_input = _parse_typed(line, call.turn.waits)
        if caller_input is None:
            click.echo(f"The phone is ringing: type {', '.join(DIAL_OUTCOMES)}, or q to hang up.", err=True)
            continue
        call.send(caller_input)


def _play(call: PhoneCall, inputs: list[CallerInput]) -> None:
    """Send each input in turn. Raises RequestRefused (409) at one that does not fit."""
    for index, caller_input in enumerate(inputs):
        if call.turn.waits == "over":
            if not call.turn.error:
                rest = ", ".join(map(str, inputs[index:]))
                click.echo(f"The call was over before {rest} could be played.", err=True)
            return
        if call.turn.waits != caller_input.fits:
            waiting = (
                f"the phone is ringing, and the call ends with {', '.join(DIAL_OUTCOMES)}"
                if call.turn.waits == "transfer"
                else "the call waits for keys, words or silence"
            )
            raise RequestRefused(409, f"--keys: number {index + 1}, {caller_input}, does not fit: {waiting}.")
        call.send(caller_input)


def _read_keys(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[CallerInput] | None:
    try:
        return None if value is None else parse_keys(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@from_option("caller", "The caller's number, or anonymous.", allow_anonymous=True)
@click.option(
    "--keys",
    callback=_read_keys,
    help='Inputs to play, separated by commas: keys, - (silence), "words", and at a transfer busy, no-answer, failed'
    " or completed. The caller then hangs up. Without --keys, type them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per turn: said, waits, dial.")
def call(caller: str, keys: list[CallerInput] | None, as_json: bool) -> None:
    """Call the line from the terminal."""
    with network_errors():
        phone_call = PhoneCall.dial(PhoneNetwork.from_environment(), caller, as_json)
        try:
            if keys is None:
                _converse(phone_call)
            else:
                _play(phone_call, keys)
        except KeyboardInterrupt:
            if not as_json:
                click.echo()
        finally:
            phone_call.hang_up()
    if phone_call.turn.error:
        raise SystemExit(LINE_FAILED)


@click.command()
@click.argument("words")
@from_option("sender", "The sender's number.", allow_anonymous=False)
@click.option("--json", "as_json", is_flag=True, help='Print {"reply": [..]}; [] if there is none.')
def text(words: str, sender: str, as_json: bool) -> None:
    """Text WORDS to the line and print its reply."""
    if not words.strip():
        raise click.BadParameter("a text message cannot be empty.", param_hint="WORDS")
    with network_errors():
        try:
            network = PhoneNetwork.from_environment()
            answer = network.post("/simulator/texts", {"from": sender, "body": words}, REPLY_SECONDS)
        except NoAnswer:
            answer = {}
    replies = [str(reply) for reply in answer.get("replies", [])]
    if as_json:
        print_json({"reply": replies})
        return
    for reply in replies:
        click.secho(wrap(reply), fg="cyan")
    if not replies:
        click.echo("(no reply)", err=True)
