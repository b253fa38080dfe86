"""A frame to what is stored of it: the message, its row, and the reply."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from ivr.feeds.hl7.acks import FAULTS, Reply
from ivr.feeds.hl7.inbox import Received
from ivr.feeds.hl7.mapping import FeedMapping
from ivr.feeds.hl7.message import Header, Message, MessageFault, read_header, read_message, sent_at
from ivr.feeds.hl7.mllp import FrameFault
from ivr.feeds.hl7.rows import Cells, cells_of
from ivr.i18n import sentence
from ivr.line.content.config import Config
from ivr.people.phones import PhoneFault
from ivr.reminders.imports.errors import ErrorCode, RowError
from ivr.reminders.imports.rows import ReadCategories, RowReader, category_reader

_MISSING = (ErrorCode.MISSING, PhoneFault.EMPTY)
_FRAME_FAULTS = {FrameFault.TOO_LARGE: MessageFault.TOO_LARGE, FrameFault.CUT_OFF: MessageFault.CUT_OFF}


@dataclass(frozen=True)
class FeedReader:
    """own_numbers: E.164 numbers of the line itself."""

    config: Config
    mapping: FeedMapping
    own_numbers: frozenset[str] = frozenset()

    def read(self, raw: bytes, now: datetime, frame_fault: FrameFault | None = None) -> Received:
        """Never raises: what cannot be read has a fault and a reply that says why."""
        if frame_fault:
            message = Message(raw, read_header(raw) or Header(), fault=_FRAME_FAULTS[frame_fault])
        else:
            message = read_message(raw, self.mapping.processing_ids)
        if message.fault:
            reply = FAULTS[message.fault]
            # After AR the sender still has the message, and a feed of another kind must not fill the list.
            sentences = (sentence(reply.text),)
            return Received(message, reply, fault=message.fault, is_kept=reply.code == "AE", sentences=sentences)
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
