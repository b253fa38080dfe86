"""`infoline reminders …`: commands for schedulers. Rules about what goes out when live in ivr.reminders."""

from __future__ import annotations

import click

from ivr.cli.lazy import LazyGroup

COMMANDS = {
    "import": ("ivr.cli.reminders.import_file:import_file", "Import the appointments in FILE."),
    "watch": ("ivr.cli.reminders.watch:watch", "Import each file that appears in FOLDER, or in WATCH_FOLDER."),
    "pull": ("ivr.cli.reminders.pull:pull", "Import the appointments that changed on a FHIR server."),
    "status": ("ivr.cli.reminders.status:status", "Count the texts of BATCH, or of all batches, by state."),
    "pause": ("ivr.cli.reminders.status:pause", "Hold the texts of BATCH until `resume`."),
    "resume": ("ivr.cli.reminders.status:resume", "Continue a paused BATCH."),
    "cancel": ("ivr.cli.reminders.status:cancel", "Cancel the texts of BATCH that have not gone out."),
    "export": ("ivr.cli.reminders.export:export_batch", "Write every text of BATCH to a CSV file."),
    "effect": ("ivr.cli.reminders.effect:effect", "Show replies and attendance for BATCH, or for all batches."),
    "person": ("ivr.cli.reminders.manual:person", "Show the opt-out, appointments and texts of NUMBER."),
    "stop": ("ivr.cli.reminders.manual:stop", "Opt NUMBER out, because the patient asked for it."),
    "start": ("ivr.cli.reminders.manual:start", "Opt NUMBER in again, because the patient asked for it."),
    "send": ("ivr.cli.reminders.manual:send", "Send the text STEP of an appointment now."),
    "skip": ("ivr.cli.reminders.manual:skip", "Skip one or all planned texts of an appointment."),
    "unskip": ("ivr.cli.reminders.manual:unskip", "Plan one or all skipped texts of an appointment again."),
    "person-data": ("ivr.cli.reminders.person_data:person_data", "Print all that is stored about NUMBER as JSON."),
    "erase": ("ivr.cli.reminders.person_data:erase", "Delete all that is stored about NUMBER."),
    "reconcile": ("ivr.cli.reminders.reconcile:reconcile", "Look up uncertain texts in the carrier's log."),
}


@click.group(cls=LazyGroup, commands_table=COMMANDS)
def reminders() -> None:
    """Import appointments and track their text messages."""
