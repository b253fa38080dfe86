"""A language is one module: the lookup finds it, and every consumer uses its tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ivr.line.locales.locale import Locale, all_locales, get_locale
from tests.support.paths import ROOT

# Latin has no locale.
LATIN = '''"""Latin."""

from ivr.line.locales.locale import Locale, word_set

LOCALE = Locale(
    code="la",
    hours="{days} ab {opens} ad {closes}",
    day_range="{first} usque ad {last}",
    tomorrow="cras",
    day_at_time="{day} hora {time}",
    reminder_date="d.M.",
    longest_date="30.12.",
    filler_words=word_set("et sunt"),
    joined_words={"non possum": "nequeo"},
    hyphenation="es",
    grade_formula="flesch-kincaid",
    titles=word_set("med"),
    preview_voice="it-IT",
    yes=word_set("ita"),
    confirm_replies=word_set("confirmo"),
    courtesy_words=word_set("quaeso"),
)
'''

# Runs in a new process, since tables are merged at import.
SCRIPT = """
import re, sys
from datetime import UTC, datetime
from pathlib import Path
import ivr.line.locales as package
package.__path__.append(sys.argv[1])

from ivr.line.audio.tts_preview import render_preview
from ivr.line.callflow.hours import describe_hours, describe_next_opening
from ivr.line.content.loader import LINE_FILE, read_content, read_folder
from ivr.line.lint.limits import longest_text, reading_grade
from ivr.line.text.normalize import content_words, normalize
from ivr.line.text.readability import sentences, syllables
from ivr.line.twiml.release import CompiledLine
from ivr.people.keywords import ReminderReply, parse_reminder_reply
from ivr.reminders.schedule.message import appointment_values

files = read_folder(Path(sys.argv[2]))
line_yaml = re.sub(r"\\bes:", "la:", files[LINE_FILE].decode())
latin = {"la" + name[2:]: data for name, data in files.items() if name.startswith("es/")}
files = {name: data for name, data in files.items() if name.startswith("en/") and name.endswith(".md")} | latin
content = read_content({**files, LINE_FILE: line_yaml.encode()})
config, entry = content.config, content.config.directory[0]
sunday = datetime(2026, 1, 4, 17, tzinfo=UTC)

assert " usque ad " in describe_hours(entry, "la") and " ab 8:00" in describe_hours(entry, "la")
assert describe_next_opening(config, entry, sunday, "la").startswith("cras hora 8:00")
assert appointment_values(content, "la", sunday, "UTC", "elliot")["date"] == "4.1."
reminder = content.prompt("la", "reminder-2d")
assert "30.12." in longest_text(content, reminder, reminder.texted)
assert reading_grade(reminder, "Ita est.") is not None
assert content_words(normalize("Calculi et non possum sunt")) == ("calculi", "nequeo")
assert sentences("Med. Livia adest. Vale.") == ["Med. Livia adest.", "Vale."]
assert syllables("animae", "la") == syllables("animae", "es")
assert parse_reminder_reply(normalize("Ita, quaeso!")) == ReminderReply(None)
assert parse_reminder_reply(normalize("Confirmo, quaeso")) == ReminderReply("confirmed")
assert {state.language for state in CompiledLine(content).states.values()} == {"en", "la"}
if sys.argv[3] == "preview":
    assert render_preview(content, "la", "goodbye").startswith(b"RIFF")
print("ok")
"""


def test_a_new_language_is_one_module_and_a_folder_of_prompts(tmp_path: Path) -> None:
    (tmp_path / "la.py").write_text(LATIN)
    try:
        import py_nanotts  # noqa: F401

        preview = "preview"
    except ImportError:
        preview = "no-preview"
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(ROOT / "prompts"), preview],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "ok\n"), run.stderr


@pytest.mark.parametrize("code", ["en", "es", "fr", "pt", "de", "it", "zh", "ja", "th"])
def test_a_known_locale_is_found_by_its_code(code: str) -> None:
    assert all_locales()[code] is get_locale(code)
    assert get_locale(code).code == code


def test_an_unknown_language_gets_the_defaults() -> None:
    assert get_locale("ne") == Locale(code="ne")
    assert get_locale("ne").hyphenation == get_locale("en").hyphenation


def test_normalized_tables_are_normalized() -> None:
    from ivr.line.text.normalize import normalize

    for locale in all_locales().values():
        for table in ("filler_words", "joined_words", "yes", "confirm_replies", "change_replies", "courtesy_words"):
            assert [word for word in getattr(locale, table) if normalize(word) != word] == [], (locale.code, table)


def test_prompts_can_be_read_without_the_libraries_of_other_commands() -> None:
    script = (
        "import sys, ivr.line.content.loader, ivr.line.callflow.hours, ivr.reminders.schedule.message,"
        " ivr.line.text.readability; print([name for name in ('babel', 'pyphen', 'holidays') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert run.stdout == "[]\n"
