"""HL7 messages that could not be read: the list, and the shape of one message."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, Row

from ivr.feeds.hl7.shape import shape_of
from ivr.feeds.unread import explanation, open_message
from ivr.ledger.vault import UnknownKey
from ivr.people.audit import AuditKind
from ivr.web.console.context import audit, services
from ivr.web.console.security.form_pages import HTMX
from ivr.web.console.words import translated
from ivr.web.console.work import message_queries, queries
from ivr.web.console.work.views import blueprint, show_list


@blueprint.get("/work/messages")
def messages() -> ResponseReturnValue:
    def find(connection: Connection, page: int) -> queries.Page:
        return queries.page_of(connection, message_queries.pending_messages(), page)

    return show_list("work/messages.html", "messages", find, lambda _: {}, sentence_of=sentence_of_fault)


@blueprint.post("/work/messages/<int:item_id>/text")
def show_message_text(item_id: int) -> str:
    """The message, with x for each letter and # for each digit. That somebody looked at it is recorded."""
    shared = services()
    with shared.ledger.write() as connection:
        if message_queries.message(connection, item_id) is None:
            abort(404)
        try:
            raw = open_message(connection, shared.vault, item_id)
        except UnknownKey:
            raw = None
        audit(connection, AuditKind.HL7_MESSAGE_READ, message=item_id)
    template = "work/_shape.html" if request.headers.get(HTMX) else "work/message_text.html"
    return render_template(template, item_id=item_id, shape=None if raw is None else shape_of(raw))


def sentence_of_fault(row: Row[Any]) -> str:
    """Why a message could not be read, in the language of the page."""
    return " ".join(map(translated, explanation(row.fault, row.reason)))
