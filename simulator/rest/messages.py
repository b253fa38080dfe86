"""https://www.twilio.com/docs/messaging/api/message-resource and .../media-resource"""

import mimetypes
import re
import socket
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from simulator.account import Media, Text
from simulator.loopback import resolve
from simulator.messaging.inbound import MAX_CHARACTERS
from simulator.messaging.picture import PICTURE
from simulator.messaging.receipts import cancel, deliver, deliver_at
from simulator.numbers import MAGIC_SENDER, MAGIC_TEXT_FROM, MAGIC_TEXT_TO, normalize
from simulator.resource import new_sid, rfc2822, segments
from simulator.rest.endpoint import Endpoint, Route, created, deleted
from simulator.rest.errors import RestError
from simulator.rest.fields import (
    CREATE_MESSAGE,
    LIST_MEDIA,
    LIST_MESSAGES,
    UPDATE_MESSAGE,
    integer,
    url_of,
)
from simulator.rest.listing import paginate, period

MAX_VALIDITY_SECONDS = 36_000
MAX_MEDIA = 10
# https://www.twilio.com/docs/api/errors/35114
EARLIEST, LATEST = timedelta(minutes=5), timedelta(days=35)
FINAL = ("received", "delivered", "undelivered", "failed", "canceled", "read")
OTHER_CHANNELS = re.compile(r"(whatsapp|messenger|rcs):", re.IGNORECASE)
BAD_GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Messages(Endpoint):
    """Texts of either direction, and their media."""

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("/Messages.json", "POST", self.create),
            Route("/Messages.json", "GET", self.list_messages),
            Route("/Messages/<sid>.json", "GET", self.get),
            Route("/Messages/<sid>.json", "POST", self.update),
            Route("/Messages/<sid>.json", "DELETE", self.delete),
            Route("/Messages/<sid>/Media.json", "GET", self.list_media),
            Route("/Messages/<sid>/Media/<media_sid>.json", "GET", self.get_media),
            Route("/Messages/<sid>/Media/<media_sid>.json", "DELETE", self.delete_media),
            Route("/Messages/<sid>/Media/<media_sid>", "GET", self.media_file, public=True),
        )

    def create(self) -> Response:
        """Accept a text, or inject one of the active faults."""
        faults = self.account.fault_injector.faults
        if faults.latency:
            time.sleep(faults.latency)
        self.check(CREATE_MESSAGE, request.form)
        text = self._parse_text(request.form)
        fault = self.account.fault_injector.for_creation()
        if fault in ("429", "500"):
            raise RestError({"429": 20429, "500": 20500}[fault])
        if fault == "html":
            return Response(BAD_GATEWAY_PAGE, 502, mimetype="text/html")
        self.account.add_text(text)
        resource = text.resource(self.account.settings.account_sid)
        if text.send_at is None:
            deliver(self.account, self.scheduler, text)
        else:
            deliver_at(self.account, self.scheduler, text, text.send_at)
        if fault == "500_stored":
            raise RestError(20500)
        if fault == "drop_stored":
            _drop_connection()
        if fault == "slow_stored":
            time.sleep(faults.slow_seconds)
        return created(resource)

    def list_messages(self) -> Response:
        """Texts that have not been sent yet are filtered by their creation time."""
        self.check(LIST_MESSAGES, request.args)
        to, sender = request.args.get("To"), request.args.get("From")
        in_period = period(request.args, "DateSent")

        def matches(text: Text) -> bool:
            return (
                (not to or text.to == to)
                and (not sender or text.visible_sender == sender)
                and in_period(text.sent or text.created)
            )

        numbers = [number for number in (to, sender) if number and number != self.account.settings.sender]
        texts = self.account.texts_where(matches, numbers[0] if numbers else None)
        return jsonify(
            paginate(
                texts,
                request.args,
                request.path,
                "messages",
                lambda text: text.resource(self.account.settings.account_sid),
                lambda text: text.sid,
            )
        )

    def get(self, sid: str) -> Response:
        return jsonify(self._text(sid).resource(self.account.settings.account_sid))

    def update(self, sid: str) -> Response:
        """An empty Body redacts a text; Status=canceled cancels a scheduled one."""
        text = self._text(sid)
        self.check(UPDATE_MESSAGE, request.form)
        body, status = request.form.get("Body"), request.form.get("Status")
        if status not in (None, "canceled"):
            raise RestError(20001, "Status must be canceled")
        if body:
            raise RestError(20001, "Body must be empty: a message can only be redacted")
        if body is not None and text.status not in FINAL:
            raise RestError(20009, sid)
        with self.account.lock:
            if status and text.status != "scheduled":
                raise RestError(30409, text.status)
            if status:
                cancel(self.account, self.scheduler, text)
            if body is not None:
                text.body = ""
                text.updated = self.account.settings.now()
        return jsonify(text.resource(self.account.settings.account_sid))

    def delete(self, sid: str) -> Response:
        """Only a text that has been delivered, or never will be, can be deleted."""
        text = self._text(sid)
        if text.status not in FINAL:
            raise RestError(20009, sid)
        self.account.remove_text(text)
        return deleted()

    def list_media(self, sid: str) -> Response:
        self.check(LIST_MEDIA, request.args)
        text = self._text(sid)
        when = period(request.args, "DateCreated")
        found = [media for media in text.attachments if when(media.created)]
        return jsonify(
            paginate(
                found,
                request.args,
                request.path,
                "media_list",
                lambda media: self._media_resource(text, media),
                lambda media: media.sid,
            )
        )

    def get_media(self, sid: str, media_sid: str) -> Response:
        text = self._text(sid)
        return jsonify(self._media_resource(text, _media(text, media_sid)))

    def delete_media(self, sid: str, media_sid: str) -> Response:
        text = self._text(sid)
        media = _media(text, media_sid)
        with self.account.lock:
            text.attachments.remove(media)
            text.media -= 1
        return deleted()

    def media_file(self, sid: str, media_sid: str) -> AnyResponse:
        """The file: the one at its MediaUrl, or a small picture for one that a phone sent."""
        media = _media(self._text(sid), media_sid)
        if media.url is not None:
            return redirect(media.url, 307)
        return Response(PICTURE, mimetype=media.content_type)

    def _media_resource(self, text: Text, media: Media) -> dict[str, Any]:
        at = rfc2822(media.created)
        return {
            "account_sid": self.account.settings.account_sid,
            "content_type": media.content_type,
            "date_created": at,
            "date_updated": at,
            "parent_sid": text.sid,
            "sid": media.sid,
            "uri": f"{self.account.uri}/Messages/{text.sid}/Media/{media.sid}.json",
        }

    def _text(self, sid: str) -> Text:
        text = self.account.texts.get(sid)
        if text is None:
            raise RestError(20404, request.path)
        return text

    def _parse_text(self, form: Mapping[str, str]) -> Text:
        """The text that a request asks for. Checks in Twilio's order. Raises `RestError`."""
        to, body, urls = form.get("To", ""), form.get("Body", ""), request.form.getlist("MediaUrl")
        if not to:
            raise RestError(21604)
        if "ContentSid" in form:
            raise RestError(21655, form["ContentSid"])
        if not body and not urls:
            raise RestError(21602)
        service = self._service(form)
        sender = self._sender(form)
        number = self._recipient(to, sender)
        if len(body) > MAX_CHARACTERS:
            raise RestError(21617)
        if len(urls) > MAX_MEDIA:
            raise RestError(21623, str(len(urls)))
        integer(form, "ValidityPeriod", MAX_VALIDITY_SECONDS, 1, MAX_VALIDITY_SECONDS)
        now = self.account.settings.now()
        send_at = _send_at(form, service, now)
        status = "accepted" if service else "queued"
        return Text(
            sid=new_sid("MM" if urls else "SM"),
            to=number,
            sender=sender,
            body=body,
            direction="outbound-api",
            status=status if send_at is None else "scheduled",
            created=now,
            updated=now,
            segments=segments(body),
            media=len(urls),
            service=service,
            callback=url_of(form, "StatusCallback", 21609),
            send_at=send_at,
            attachments=[_attachment(url, now) for url in urls],
        )

    def _service(self, form: Mapping[str, str]) -> str | None:
        service = form.get("MessagingServiceSid", "")
        if not form.get("From") and not service:
            raise RestError(21603)
        if service and not (service.startswith("MG") and len(service) == 34):
            raise RestError(21705, service)
        if service and service != self.account.settings.messaging_service:
            raise RestError(21701, service)
        return service or None

    def _sender(self, form: Mapping[str, str]) -> str:
        """The number that sends: the account's own if only a messaging service is named."""
        sender = form.get("From", "")
        if sender in MAGIC_TEXT_FROM:
            raise RestError(MAGIC_TEXT_FROM[sender], sender)
        if OTHER_CHANNELS.match(sender):
            raise RestError(63007, sender)
        number = normalize(sender) if sender else self.account.settings.sender
        if number is None:
            raise RestError(21212, sender)
        if number not in (*self.account.numbers, MAGIC_SENDER):
            raise RestError(21659, sender)
        return number

    def _recipient(self, to: str, sender: str) -> str:
        if to in MAGIC_TEXT_TO:
            raise RestError(MAGIC_TEXT_TO[to], to)
        number = normalize(to)
        if number is None:
            raise RestError(21211, to)
        if number == sender:
            raise RestError(21266, to)
        if number in self.account.blocked:
            raise RestError(21610)
        return number


def _send_at(form: Mapping[str, str], service: str | None, now: datetime) -> datetime | None:
    """When a text is scheduled for; None for now. https://www.twilio.com/docs/messaging/features/message-scheduling"""
    kind, at = form.get("ScheduleType"), form.get("SendAt")
    if kind is None and at is None:
        return None
    if kind != "fixed":
        raise RestError(35126, kind or "")
    if at is None:
        raise RestError(35111)
    if service is None:
        raise RestError(35118)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise RestError(35114, at) from None
    if moment.tzinfo is None or not EARLIEST <= moment - now <= LATEST:
        raise RestError(35114, at)
    return moment


def _attachment(url: str, now: datetime) -> Media:
    """Raises RestError 21620 for an address that no carrier could fetch."""
    if resolve("", url) is None or urlsplit(url).scheme not in ("http", "https"):
        raise RestError(21620, url)
    content_type = mimetypes.guess_type(urlsplit(url).path)[0] or "application/octet-stream"
    return Media(content_type, now, url)


def _media(text: Text, sid: str) -> Media:
    for media in text.attachments:
        if media.sid == sid:
            return media
    raise RestError(20404, request.path)


def _drop_connection() -> None:
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
