"""Rules that compare content with the live release: what patients already have on their phones keeps its meaning."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.i18n import N_, sentence
from ivr.line.content.config import Config
from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, Content
from ivr.line.content.yaml_source import Path


def renamed_steps(live: Config, content: Content) -> Iterator[Finding]:
    """Steps that the live plan has under another id: patients who got the text would get it again."""
    known = {step.id for step in live.reminders.plan}
    kept = {step.id for step in content.config.reminders.plan}
    former = {step.before: step.id for step in live.reminders.plan if step.id not in kept}
    for index, step in enumerate(content.config.reminders.plan):
        if step.id not in known and step.before in former:
            template = N_(
                "The reminder `{former}` is now called `{step}`: patients who got it may get it again. Keep the id"
                " `{former}`."
            )
            message = sentence(template, former=former[step.before], step=step.id)
            line = content.source.line(("reminders", "plan", index, "id"))
            yield Finding.of(LINE_FILE, line, "reminder-id", "warning", message)


def reused_replies(live: Config, content: Content) -> Iterator[Finding]:
    """Numbers and words that led to another answer in the live release: patients reply to old text messages."""
    former = {reply: answer for reply, (answer, _) in _replies(live).items()}
    for (language, reply), (answer, path) in _replies(content.config).items():
        was = former.get((language, reply), answer)
        if was != answer:
            template = N_(
                "Patients who reply `{reply}` to an old text message would get `{answer}` instead of `{former}`. Keep"
                " `{reply}` for `{former}`, and choose another one here."
            )
            message = sentence(template, reply=reply, answer=answer, former=was)
            yield Finding.of(LINE_FILE, content.source.line(path), "reply", "warning", message)


def _replies(config: Config) -> dict[tuple[str, str], tuple[str, Path]]:
    """The answer that each number and each word of a text message leads to, and its path, by language and reply."""
    numbers: dict[tuple[str, str], tuple[str, Path]] = {
        ("", str(topic.number)): (topic.id, ("topics", index, "number")) for index, topic in enumerate(config.topics)
    }
    paths = config.word_paths
    return numbers | {
        (language, word): (name, (*paths[name], language))
        for name, words in config.words.items()
        for language, word in words.items()
    }
