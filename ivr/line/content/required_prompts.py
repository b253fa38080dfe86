"""The prompts and sections that line.yaml requires, and the placeholders that each prompt may use."""

from __future__ import annotations

from ivr.line.content.config import Config

SPOKEN = ("Spoken",)
TEXTED = ("Texted",)
BOTH = ("Spoken", "Texted")
MENU = ("Spoken", "Choices")

_FIXED_SPOKEN = """
choice keys other-language go-on topic-end silence wrong-key repeat-offer to-a-person transfer transfer-busy
transfer-no-answer transfer-failed closed no-one-free offer goodbye ask-aloud use-keys check-transfer check-stop
check-text text-sent text-already text-landline text-opted-out text-failed text-hidden texts-stopped texts-not-stopped
callback-own not-a-number callback-key-in callback-read-back callback-wish callback-kept callback-failed helped
text-delayed go-on-no-text topic-end-no-text offer-no-text
answer-person answer-end offer-again which more-key whisper whisper-accept unavailable
"""
_FIXED_TEXTED = """
stop start help menu language confirm change no-visit first-text media silenced passed-on not-passed-on which-visit
visit-cancelled visit-past ambiguous more stop-offer
"""
# What precedes an answer to words that may be a red flag: an emergency, or a symptom only.
CAUTION, CAUTION_SYMPTOM = CAUTIONS = ("caution", "caution-symptom")
# The prompts that do not depend on line.yaml.
FIXED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_FIXED_SPOKEN.split(), SPOKEN),
    **dict.fromkeys(_FIXED_TEXTED.split(), TEXTED),
    **dict.fromkeys(("urgent", "person-soon", "scheduling", "results", "wrong-number", "none"), BOTH),
    **dict.fromkeys(CAUTIONS, BOTH),
}
# Fixed prompts that inform instead of asking for a key: they may take longer.
INFORMATION = frozenset(
    {*CAUTIONS, "unavailable", "urgent", "person-soon", "scheduling", "results", "closed", "no-one-free"}
)
# The outcomes with a spoken answer and no key.
ANSWERED_ALOUD = ("urgent", "person-soon", "results", "scheduling", "wrong-number")
# The same, with the answer to words that the line has no answer to.
SPOKEN_ANSWERS = (*ANSWERED_ALOUD, "none")
# The outcomes of free text that are not topics; each has a complete answer.
OUTCOMES = frozenset((*ANSWERED_ALOUD, "stop", "start", "help", "menu", "language", "confirm", "change", "none"))
# Those that a text may ask about, if line.yaml gives them a word.
WITH_REPLY_WORD = ("results", "scheduling", "help")
# What is texted if the line may have no answer: those that may help.
UNSURE = "unsure"
# How a language is offered that key 8 reaches only after another one.
LATER_LANGUAGE = "other-language-later"
# The topic whose text message lists every phone number.
NUMBERS = "people"

_APPOINTMENT = frozenset({"date", "time", "site", "number"})
_ENTRY = frozenset({"name", "number", "hours"})
_OF_AN_ENTRY = """
transfer transfer-busy transfer-no-answer transfer-failed no-one-free offer-again check-transfer answer-person helped
"""
EXTRA_PLACEHOLDERS: dict[str, frozenset[str]] = {
    **dict.fromkeys(_OF_AN_ENTRY.split(), _ENTRY),
    **dict.fromkeys(("callback-own", "check-text", "callback-read-back"), frozenset({"caller"})),
    **dict.fromkeys(("whisper", "whisper-accept"), frozenset({"language"})),
    **dict.fromkeys(("menu", "none"), frozenset({"topics"})),
    "choice": frozenset({"choice", "key"}),
    "more-key": frozenset({"about", "key"}),
    "more": frozenset({"words"}),
    LATER_LANGUAGE: frozenset({"language", "times"}),
    "closed": _ENTRY | {"opens"},
    "confirm": _APPOINTMENT,
    "which-visit": frozenset({"visits"}),
    "ambiguous": frozenset({"first", "second", "first-title", "second-title"}),
    UNSURE: frozenset({"choices"}),
}


def required_prompts(config: Config) -> dict[str, tuple[str, ...]]:
    """The prompts that this line.yaml requires: name to section headings."""
    required = dict(FIXED)
    if len(config.languages) > 2:
        required[LATER_LANGUAGE] = SPOKEN
    for topic in config.topics:
        required[topic.id] = (*MENU, "Texted") if topic.id in config.menus else BOTH
    required |= dict.fromkeys((answer.id for answer in config.library), BOTH)
    if config.reply_words:
        required[UNSURE] = TEXTED
    for name in config.menus:
        required.setdefault(name, MENU)
    for step in config.reminders.plan:
        required[step.wording] = TEXTED
    return required


def allowed_placeholders(config: Config, prompt: str) -> frozenset[str]:
    """The placeholders that a prompt may use."""
    everywhere = {"hospital", *(entry.id for entry in config.directory)}
    reminder = any(prompt in (step.prompt, step.wording, f"{step.prompt}-names-test") for step in config.reminders.plan)
    return frozenset(everywhere) | (_APPOINTMENT if reminder else EXTRA_PLACEHOLDERS.get(prompt, frozenset()))
