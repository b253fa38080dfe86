"""`infoline prompts …`: commands for operators who write what the line says. Lint rules and releases live elsewhere."""

from __future__ import annotations

import click

from ivr.cli.lazy import LazyGroup

COMMANDS = {
    "check": ("ivr.cli.prompts.check:check", "Check that the prompts in FOLDER help every caller."),
    "proof": ("ivr.cli.prompts.check:proof", "Measure and check one prompt, like en/cancer."),
    "in-step": ("ivr.cli.prompts.sign_off:in_step", "Mark translations as up to date."),
    "sign": ("ivr.cli.prompts.sign_off:sign", "Sign off the current text of the prompts called NAME."),
    "say": ("ivr.cli.prompts.audio:say", "Write TOPIC as callers hear it to a WAV file."),
    "record": ("ivr.cli.prompts.audio:record", "Add a recording: record en/cancer-2 monday.mp3"),
    "draw": ("ivr.cli.prompts.draw:draw", "Draw the menus and keys: draw -o line.svg"),
    "publish": ("ivr.cli.prompts.publish:publish_prompts", "Check the prompts and make them live on every machine."),
    "history": ("ivr.cli.prompts.history:history", "List all releases, or show what release NUMBER changed."),
    "rollback": ("ivr.cli.prompts.publish:rollback", "Make release NUMBER live again, as a new release."),
    "export": ("ivr.cli.prompts.history:export_folder", "Write the live prompts to FOLDER, which must be empty."),
    "draft": ("ivr.cli.prompts.draft:draft", "Show and edit the draft that several people share."),
}


@click.group(cls=LazyGroup, commands_table=COMMANDS)
def prompts() -> None:
    """Check, preview, edit and publish the prompts."""
