"""Which prompts the line cannot do without, in which form, and which placeholders each may use."""

from __future__ import annotations

from ivr.line.content.config import Config

SPOKEN = ("Spoken",)
TEXTED = ("Texted",)
BOTH = ("Spoken", "Texted")
MENU = ("Spoken", "Choices")

# What the line says of itself, beside menus and topics.
FIXED: dict[str, tuple[str, ...]] = {
    "choice": SPOKEN,
    "keys": SPOKEN,
    "other-language": SPOKEN,
    "go-on": SPOKEN,
    "topic-end": SPOKEN,
    "silence": SPOKEN,
    "wrong-key": SPOKEN,
    "repeat-offer": SPOKEN,
    "to-a-person": SPOKEN,
    "transfer": SPOKEN,
    "transfer-busy": SPOKEN,
    "transfer-no-answer": SPOKEN,
    "transfer-failed": SPOKEN,
    "closed": SPOKEN,
    "no-one-free": SPOKEN,
    "offer": SPOKEN,
    "goodbye": SPOKEN,
    "ask-aloud": SPOKEN,
    "use-keys": SPOKEN,
    "check-transfer": SPOKEN,
    "check-stop": SPOKEN,
    "check-text": SPOKEN,
    "text-sent": SPOKEN,
    "text-already": SPOKEN,
    "text-landline": SPOKEN,
    "text-opted-out": SPOKEN,
    "text-failed": SPOKEN,
    "text-hidden": SPOKEN,
    "texts-stopped": SPOKEN,
    "texts-not-stopped": SPOKEN,
    "callback-own": SPOKEN,
    "not-a-number": SPOKEN,
    "callback-key-in": SPOKEN,
    "callback-read-back": SPOKEN,
    "callback-wish": SPOKEN,
    "callback-kept": SPOKEN,
    "callback-failed": SPOKEN,
    "helped": SPOKEN,
    "answer-person": SPOKEN,
    "answer-end": SPOKEN,
    "offer-again": SPOKEN,
    "whisper": SPOKEN,
    "whisper-accept": SPOKEN,
    "unavailable": SPOKEN,
    "urgent": BOTH,
    "person-soon": BOTH,
    "scheduling": BOTH,
    "results": BOTH,
    "wrong-number": BOTH,
    "stop": TEXTED,
    "start": TEXTED,
    "help": TEXTED,
    "menu": TEXTED,
    "language": TEXTED,
    "confirm": TEXTED,
    "change": TEXTED,
    "no-visit": TEXTED,
    "first-text": TEXTED,
    "none": BOTH,
    "media": TEXTED,
    "silenced": TEXTED,
    "passed-on": TEXTED,
    "which-visit": TEXTED,
    "visit-cancelled": TEXTED,
    "visit-past": TEXTED,
    "ambiguous": TEXTED,
}

# Of these, what tells something instead of asking for a key.
INFORMATION = frozenset({"unavailable", "urgent", "person-soon", "scheduling", "results", "closed", "no-one-free"})

# What free words can lead to, beside the topics: each of these is a whole answer by itself.
OUTCOMES = frozenset(
    {"scheduling", "results", "person-soon", "urgent", "wrong-number", "stop", "start", "help"}
    | {"menu", "language", "confirm", "change", "none"}
)

# What words can ask for on a call that has an answer of its own, and no key.
ANSWERED_ALOUD = ("urgent", "person-soon", "results", "scheduling", "wrong-number")
# The topic whose text gives every number.
NUMBERS = "people"

_ENTRY = frozenset({"name", "number", "hours"})
_VISIT = frozenset({"date", "time", "site", "number"})
EXTRA_PLACEHOLDERS: dict[str, frozenset[str]] = {
    "choice": frozenset({"choice", "key"}),
    "transfer": _ENTRY,
    "transfer-busy": _ENTRY,
    "transfer-no-answer": _ENTRY,
    "transfer-failed": _ENTRY,
    "closed": _ENTRY | {"opens"},
    "no-one-free": _ENTRY,
    "offer-again": _ENTRY,
    "check-transfer": _ENTRY,
    "answer-person": _ENTRY,
    "helped": _ENTRY,
    "callback-own": frozenset({"caller"}),
    "check-text": frozenset({"caller"}),
    "callback-read-back": frozenset({"caller"}),
    "whisper": frozenset({"language"}),
    "whisper-accept": frozenset({"language"}),
    "menu": frozenset({"topics"}),
    "confirm": _VISIT,
    "none": frozenset({"topics"}),
    "which-visit": frozenset({"visits"}),
    "ambiguous": frozenset({"first", "second", "first-title", "second-title"}),
}


def required_prompts(config: Config) -> dict[str, tuple[str, ...]]:
    """Each prompt's name and the sections that it must have, for this line.yaml."""
    needed = dict(FIXED)
    for topic in config.topics:
        needed[topic.id] = (*MENU, "Texted") if topic.id in config.menus else BOTH
    for name in config.menus:
        needed.setdefault(name, MENU)
    for step in config.reminders.plan:
        needed[step.wording] = TEXTED
    return needed


def allowed_placeholders(config: Config, prompt: str) -> frozenset[str]:
    """The placeholders that a prompt may use."""
    everywhere = {"hospital", *(entry.id for entry in config.directory)}
    reminder = any(prompt in (step.prompt, step.wording, f"{step.prompt}-names-test") for step in config.reminders.plan)
    return frozenset(everywhere) | (_VISIT if reminder else EXTRA_PLACEHOLDERS.get(prompt, frozenset()))
