"""Lists that are empty when a line has released its words, and nothing else has happened."""

from __future__ import annotations

NOTHING_TO_DO = "There is nothing to do here now."
# Each page, the title of its empty list, and what to do first: the address of a link or button, or a sentence.
LISTS = (
    ("/", "Nothing waits for you.", "appear here as they come"),
    ("/line", "No calls came in", "Choose a longer time, or call the line"),
    ("/reminders", "No appointments yet", "/reminders/upload"),
    ("/reminders/appointments", "No appointments on these days", "/reminders/upload"),
    ("/reminders/appointments/2026-12-04", "No appointments on this day", "/reminders/upload"),
    ("/work", "Nobody waits for a call back", NOTHING_TO_DO),
    ("/work/items", "No change requests", NOTHING_TO_DO),
    ("/work/cancel", "No CANCELs", NOTHING_TO_DO),
    ("/work/wrong-number", "No wrong numbers", NOTHING_TO_DO),
    ("/work/landlines", "No landlines to call", NOTHING_TO_DO),
    ("/work/messages", "No messages to look at", NOTHING_TO_DO),
    ("/work/done", "Nothing was done lately", "/work"),
    ("/prompts/draft", "The draft changes nothing", "/prompts"),
    ("/prompts/unanswered", "Every question was understood", NOTHING_TO_DO),
    ("/settings/alarms", "No problems", "/settings/alarms?days=1826"),
    ("/settings/audit?kind=release_published", "No entries", "/settings/audit"),
    ("/settings/doctor", "Not checked yet", "/settings/doctor"),
    ("/settings/keys", "No keys yet", "/settings/keys/add"),
)
