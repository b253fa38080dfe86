"""The `infoline` command line: options in, sentences or JSON out. Rules and queries belong in the packages below.

Exit status: 0 fine, 1 findings, 2 wrong use or a service that does not answer.
"""

from __future__ import annotations

import click

from ivr.cli.lazy import LazyGroup
from ivr.private_files import set_private_umask
from ivr.version import version_text

COMMANDS = {
    "run": ("ivr.cli.run:run", "Start the line, a simulated phone network and a queue on this machine."),
    "web": ("ivr.cli.processes:web", "Answer calls and text messages."),
    "worker": ("ivr.cli.processes:worker", "Send due reminders and reconcile uncertain ones."),
    "clock": ("ivr.cli.processes:clock", "Find due work and queue jobs for the workers."),
    "release": ("ivr.cli.release:release", "Upgrade the database, then publish the prompts if they changed."),
    "call": ("ivr.cli.phone.commands:call", "Call the line from the terminal."),
    "text": ("ivr.cli.phone.commands:text", "Text WORDS to the line and print its reply."),
    "ask": ("ivr.cli.ask:ask", "Print how the line would answer WORDS, and why."),
    "prompts": ("ivr.cli.prompts:prompts", "Check, preview, edit and publish the prompts."),
    "reminders": ("ivr.cli.reminders:reminders", "Import appointments and track their text messages."),
    "hl7": ("ivr.cli.hl7:hl7", "Receive appointments as HL7 v2 messages."),
    "calls": ("ivr.cli.calls:calls", "Summarize recent calls."),
    "db": ("ivr.cli.db:db", "Manage the database tables, and move to another database."),
    "doctor": ("ivr.cli.doctor:doctor", "Check everything that the line needs, and print what to do."),
    "callbacks": ("ivr.cli.worklists:callbacks", "List callers who are waiting for a call back, red flags first."),
    "todos": ("ivr.cli.worklists:todos", "List work items for schedulers."),
    "audit": ("ivr.cli.audit:audit", "List who read or changed personal data."),
    "users": ("ivr.cli.users:users", "List who may sign in to the console, and change it."),
    "keys": ("ivr.cli.keys:keys", "Manage API keys, and the keys that encrypt phone numbers."),
    "retention": ("ivr.cli.retention:retention", "Delete data whose period is over."),
    "unanswered": ("ivr.cli.unanswered:unanswered", "List questions that the line did not understand."),
}


_VERSION_HELP = "Show the release and the commit, and exit."


def _print_version(context: click.Context, _option: click.Parameter, is_wanted: bool) -> None:
    if is_wanted and not context.resilient_parsing:
        from ivr.cli.console import echo

        echo(f"infoline {version_text()}")
        context.exit()


@click.group(
    cls=LazyGroup,
    commands_table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help=_VERSION_HELP)
def main() -> None:
    """Run the information line, try it, edit its prompts, and send reminders."""
    set_private_umask()
