"""What the line understands of a question: the live line, or the draft with words that somebody is typing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from babel.lists import format_list
from flask import current_app
from flask_babel import get_locale

from ivr.line.content.loader import Content
from ivr.line.content.training_questions import is_question_file
from ivr.line.nlu.matcher import NONE, Matcher, MatchResult
from ivr.line.nlu.replies import choice_reply, with_caution
from ivr.line.nlu.topic_model import TopicModel
from ivr.line.nlu.training import model_digest
from ivr.people.inbound.outcome import AUTOMATIC, outcome_of_stranger
from ivr.releases.models import ModelStore
from ivr.web.console.context import live_line, services
from ivr.web.console.prompts.drafted import language_name
from ivr.web.console.prompts.tree import title_of

MOST_CHARACTERS = 500
_SHOWN_PERCENT = 1
_LAST_MATCHER = "last_matcher"
# The prompts that confirm outcomes of another name, and the reply to a sender who has no known appointment.
_PROMPTS = {"confirmed": "confirm"}
_WITHOUT_APPOINTMENT = {"confirmed": "no-visit", "change": "no-visit"}


@dataclass(frozen=True)
class Understood:
    """What is understood of a question. name: of the prompt, if it is one. is_automatic: whether the line does not
    answer it. between: the answers that the line asks about, as a list in words. or_none: whether it says that it may
    have none. chances: titles and percents. is_learned: whether the model knows all phrases."""

    name: str
    title: str
    is_none: bool
    is_automatic: bool
    between: str
    or_none: bool
    language: str
    language_name: str
    reply: str
    chances: tuple[tuple[str, int], ...]
    is_learned: bool = True


def understood_live(question: str) -> Understood:
    """What the live line understands and answers."""
    line = live_line()
    return _understood(line.content, *outcome_of_stranger(line.matcher, question, None), line.text)


def understood_in_draft(content: Content, question: str, language: str) -> Understood:
    """What the words of a draft understand and answer. language: that of the conversation.

    A phrase counts at once. What is only similar to it is found by a model, which learns when a draft is published;
    until then, that of the live line is asked.
    """
    model, is_learned = _model_of(content)
    matcher = current_app.extensions.setdefault(_LAST_MATCHER, _LastMatcher()).of(content, model)
    outcome, match = outcome_of_stranger(matcher, question, language)
    topics = "\n".join(
        f"{topic.number} {title_of(content, topic.id, match.language)}" for topic in content.config.topics
    )

    def text_of(code: str, name: str) -> str:
        return content.texted(code, name, topics=topics)

    return _understood(content, outcome, match, text_of, is_learned=is_learned)


class _LastMatcher:
    """The matcher of the draft that was tried last: most changes of its words leave what it understands as it is."""

    def __init__(self) -> None:
        self._last: tuple[object, Matcher] | None = None

    def of(self, content: Content, model: TopicModel) -> Matcher:
        listed = {key: (prompt.phrases, prompt.keyword_rules) for key, prompt in content.prompts.items()}
        made_from, last = (model, content.config, listed), self._last
        if last is None or last[0] != made_from:
            last = self._last = (made_from, Matcher(content, model))
        return last[1]


def _model_of(content: Content) -> tuple[TopicModel, bool]:
    """The model that knows most of the examples of a content, and whether it knows all of them."""
    live = live_line()
    if _learned_words(content) == _learned_words(live.content):
        return live.matcher.model, True
    stored = ModelStore(None, services().settings.models_folder).from_disk(model_digest(content))
    return (stored, True) if stored else (live.matcher.model, False)


def _learned_words(content: Content) -> tuple[object, object]:
    """What a model learns from: compared sooner than the examples that are made of it."""
    questions = {file: data for file, data in content.files.items() if is_question_file(file)}
    return questions, {key: prompt.phrases for key, prompt in content.prompts.items()}


def _understood(
    content: Content, outcome: str, match: MatchResult, text_of: Callable[[str, str], str], *, is_learned: bool = True
) -> Understood:
    def title(name: str) -> str:
        return title_of(content, name)

    language, name = match.language, _PROMPTS.get(outcome, outcome)
    return Understood(
        name=name if (content.config.default_language, name) in content.prompts else "",
        title=title(name),
        is_none=outcome == NONE,
        is_automatic=outcome == AUTOMATIC,
        between=format_list([f"“{title(name)}”" for name in match.between or ()], "or", locale=get_locale() or "en"),
        or_none=match.or_none,
        language=language,
        language_name=language_name(language),
        reply="" if outcome == AUTOMATIC else _reply(content, outcome, match, text_of),
        chances=tuple((title(name), round(score)) for name, score in match.scores.items() if score >= _SHOWN_PERCENT),
        is_learned=is_learned,
    )


def _reply(content: Content, outcome: str, match: MatchResult, text_of: Callable[[str, str], str]) -> str:
    """The text messages that answer; empty for a prompt of a draft whose text is missing or has an error."""
    try:
        if match.between:
            reply = choice_reply(content, match)
        else:
            reply = text_of(match.language, _WITHOUT_APPOINTMENT.get(outcome, outcome))
        return "\n\n".join(with_caution(content, match, reply))
    except KeyError:
        return ""
