"""Composes the texts that answer a message whose meaning is uncertain."""

from __future__ import annotations

from ivr.line.content.keyword_rules import STOP
from ivr.line.content.loader import Content
from ivr.line.content.required_prompts import UNSURE
from ivr.line.nlu.matcher import AMBIGUOUS, MatchResult
from ivr.line.text.gsm7 import count_segments

STOP_OFFER = "stop-offer"
# Of one text message: longer ones are split in two.
MOST_SEGMENTS = 3


def choice_reply(content: Content, match: MatchResult) -> str:
    """The text message that asks which answer is meant, by number or reply word. match: its topic is `ambiguous`."""
    language, between = match.language, match.between or ()
    replies = {topic.id: str(topic.number) for topic in content.config.topics}
    replies |= {name: words[language] for name, words in content.config.words.items()}
    titles = {name: content.prompt(language, name).title for name in between}
    lines = [f"{replies[name]} {titles[name]}" for name in between]
    if match.or_none:
        return content.texted(language, UNSURE, choices="\n".join(lines))
    # This prompt has places for two answers; a third goes on a line of its own below the second.
    first, second = between[:2]
    second_title = "\n".join([titles[second], *lines[2:]])
    values = {"first": replies[first], "first-title": titles[first], "second": replies[second]}
    return content.texted(language, AMBIGUOUS, **values, **{"second-title": second_title})


def with_caution(content: Content, match: MatchResult, answer: str) -> list[str]:
    """An answer in one or two texts, with what to do if the message is the red flag or opt-out that it may be."""
    before = [content.texted(match.language, match.caution)] if match.caution else []
    # Some answers, such as those about the line itself, say how to opt out.
    offers_stop = STOP in match.possible and STOP.upper() not in answer
    after = [content.texted(match.language, STOP_OFFER)] if offers_stop else []
    parts = [*before, answer, *after]
    if len(parts) == 1:
        return parts
    splits = [[parts], [parts[:-1], parts[-1:]], [parts[:1], parts[1:]]]
    for split in splits:
        texts = ["\n".join(part) for part in split]
        if all(count_segments(text).segments <= MOST_SEGMENTS for text in texts):
            return texts
    # Two texts are enough, and an emergency is more urgent.
    return [*before, answer]
