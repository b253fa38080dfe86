"""`infoline text`: one text message to the line, and its reply."""

from __future__ import annotations

import click

from ivr.cli.common import print_json
from ivr.cli.phone.network import DEFAULT_CALLER, NoAnswer, PhoneNetwork, check_number, network_errors, wrap

REPLY_SECONDS = 10.0


def _check_sender(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value == "anonymous":
        raise click.BadParameter("a text message needs a number.")
    return check_number(context, parameter, value)


@click.command()
@click.argument("words")
@click.option(
    "--from",
    "sender",
    default=DEFAULT_CALLER,
    show_default=True,
    metavar="N",
    callback=_check_sender,
    help="The sender's number.",
)
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
