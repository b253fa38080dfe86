"""The account's messaging service: https://www.twilio.com/docs/messaging/api/service-resource

It has every number of the account. Twilio has it at messaging.twilio.com.
"""

from typing import Any

from flask import Response, jsonify, request

from simulator.account import MessagingService
from simulator.phone_number import PhoneNumber
from simulator.rest.endpoint import Endpoint, Route
from simulator.rest.errors import RestError
from simulator.rest.fields import LIST_SERVICES, UPDATE_SERVICE, flag_of, method_of, url_of
from simulator.rest.listing import paginate_with_meta

HOST = "https://messaging.twilio.com"


class Services(Endpoint):
    """The service, if the settings name one."""

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("/Services", "GET", self.list_services),
            Route("/Services/<sid>", "GET", self.get_service),
            Route("/Services/<sid>", "POST", self.update_service),
            Route("/Services/<sid>/PhoneNumbers", "GET", self.list_numbers),
        )

    def list_services(self) -> Response:
        self.check(LIST_SERVICES, request.args)
        services = [self.account.service] if self.account.service else []
        return jsonify(
            paginate_with_meta(services, request, HOST, "services", self._resource, lambda service: service.sid)
        )

    def get_service(self, sid: str) -> Response:
        return jsonify(self._resource(self._service(sid)))

    def update_service(self, sid: str) -> Response:
        service = self._service(sid)
        self.check(UPDATE_SERVICE, request.form)
        form = request.form
        with self.account.lock:
            if "InboundRequestUrl" in form:
                service.inbound_url = url_of(form, "InboundRequestUrl", 21402) or ""
            if "InboundMethod" in form:
                service.inbound_method = method_of(form, "InboundMethod")
            if "UseInboundWebhookOnNumber" in form:
                service.use_number_webhook = flag_of(form["UseInboundWebhookOnNumber"])
        return jsonify(self._resource(service))

    def list_numbers(self, sid: str) -> Response:
        self.check(LIST_SERVICES, request.args)
        service = self._service(sid)
        with self.account.lock:
            numbers = list(self.account.numbers.values())
        return jsonify(
            paginate_with_meta(
                numbers, request, HOST, "phone_numbers", lambda number: self._member(service, number),
                lambda number: number.sid,
            )
        )  # fmt: skip

    def _service(self, sid: str) -> MessagingService:
        service = self.account.service
        if service is None or service.sid != sid:
            raise RestError(20404, request.path)
        return service

    def _resource(self, service: MessagingService) -> dict[str, Any]:
        url = f"{HOST}/v1/Services/{service.sid}"
        return {
            "account_sid": self.account.settings.account_sid,
            "date_created": None,
            "date_updated": None,
            "friendly_name": "Simulator",
            "inbound_method": service.inbound_method,
            "inbound_request_url": service.inbound_url or None,
            "links": {"phone_numbers": f"{url}/PhoneNumbers"},
            "sid": service.sid,
            "url": url,
            "use_inbound_webhook_on_number": service.use_number_webhook,
            "validity_period": 36_000,
        }

    def _member(self, service: MessagingService, number: PhoneNumber) -> dict[str, Any]:
        return {
            "account_sid": self.account.settings.account_sid,
            "capabilities": ["MMS", "SMS", "Voice"],
            "country_code": "US",
            "date_created": None,
            "date_updated": None,
            "phone_number": number.number,
            "service_sid": service.sid,
            "sid": number.sid,
            "url": f"{HOST}/v1/Services/{service.sid}/PhoneNumbers/{number.sid}",
        }
