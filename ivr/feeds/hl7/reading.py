"""A frame to what is stored of it: the message, its row, and the reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ivr.feeds.hl7.acks import FAULTS, Reply
from ivr.feeds.hl7.batch import Batch, CountDifference, read_batch
from ivr.feeds.hl7.inbox import Received
from ivr.feeds.hl7.mapping import FeedMapping
from ivr.feeds.hl7.message import Header, Message, MessageFault, read_header, read_message, sent_at
from ivr.feeds.hl7.mllp import Frame, FrameFault
from ivr.feeds.hl7.rows import Cells, cells_of
from ivr.i18n import filled, sentence
from ivr.line.content.config import Config
from ivr.people.phone_faults import PhoneFault
from ivr.reminders.imports.errors import ErrorCode, RowError
from ivr.reminders.imports.rows import ReadCategories, RowReader, category_reader

_MISSING = (ErrorCode.MISSING, PhoneFault.EMPTY)
_FRAME_FAULTS = {FrameFault.TOO_LARGE: MessageFault.TOO_LARGE, FrameFault.CUT_OFF: MessageFault.CUT_OFF}


class ReadFrame(NamedTuple):
    """What a frame holds. faults: of the batch as a whole. envelope: of a batch, whose answer is a batch too."""

    messages: list[Received]
    faults: Sequence[Received] = ()
    envelope: Header | None = None


@dataclass(frozen=True)
class FeedReader:
    """own_numbers: E.164 numbers of the line itself."""

    config: Config
    mapping: FeedMapping
    own_numbers: frozenset[str] = frozenset()

    def read_frame(self, frame: Frame, now: datetime) -> ReadFrame:
        """Never raises: what cannot be read has a fault and a reply that says why."""
        if frame.fault is FrameFault.TOO_LARGE:
            return ReadFrame([self.read(frame.data, now, frame.fault)])
        batch = read_batch(frame.data)
        parts = list(batch.messages)
        if not parts and (frame.fault or not batch.head):
            parts = [frame.data]
        # Of a frame that was cut off, the messages before the last one are whole.
        faults_of_parts = [*[None] * (len(parts) - 1), frame.fault]
        messages = [self.read(part, now, fault) for part, fault in zip(parts, faults_of_parts, strict=False)]
        if frame.fault:
            return ReadFrame(messages)
        faults = [_of_difference(batch, difference) for difference in batch.differences]
        return ReadFrame(messages, faults, batch.header if batch.head else None)

    def read(self, raw: bytes, now: datetime, frame_fault: FrameFault | None = None) -> Received:
        """Read one message. Never raises."""
        if frame_fault:
            message = Message(raw, read_header(raw) or Header(), fault=_FRAME_FAULTS[frame_fault])
        else:
            message = read_message(raw, self.mapping.processing_ids)
        if message.fault:
            reply = FAULTS[message.fault]
            return Received(message, reply, fault=message.fault, sentences=(sentence(reply.text),))
        cells = cells_of(message, self.mapping)
        sent = sent_at(message.header, ZoneInfo(self.mapping.timezone or self.config.timezone))
        if cells is None:
            return Received(message, Reply("AA"), sent_at=sent)
        errors = self._errors(cells, now)
        if errors:
            fault = errors[0]
            return Received(message, self._reply(fault), cells, fault.code, sent, sentences=fault.sentences)
        return Received(message, Reply("AA"), cells, sent_at=sent)

    def _errors(self, cells: Cells, now: datetime) -> list[RowError]:
        return RowReader(self.config, now, self.own_numbers, self._categories).errors_alone(cells)

    @cached_property
    def _categories(self) -> ReadCategories:
        return category_reader(self.config)

    def _reply(self, error: RowError) -> Reply:
        paths = getattr(self.mapping, error.column, None)
        place = f"{paths[0].segment}-{paths[0].field}" if isinstance(paths, tuple) and paths else ""
        return Reply("AE", "101" if error.code in _MISSING else "102", place, error.message)


def _of_difference(batch: Batch, difference: CountDifference) -> Received:
    """The fault of a batch that does not hold what it says, in place of the messages that did not come."""
    fault = MessageFault.BATCH_COUNT
    words = sentence(FAULTS[fault].text, said=difference.said, came=str(difference.came))
    reply = replace(FAULTS[fault], place=difference.place, text=filled(words))
    return Received(Message(batch.skeleton, batch.header, fault=fault), reply, fault=fault, sentences=(words,))
