"""Webhooks: where events of a key's system go. docs/api.md shows a receiver."""

from __future__ import annotations

from typing import Any

from flask import Response

from ivr import clock
from ivr.people.audit import AuditKind
from ivr.people.webhooks import TooManyWebhooks, Webhook, add_webhook, end_webhook, webhooks
from ivr.setting_rules import webhook_problem
from ivr.web.api import models
from ivr.web.api.context import api_key, audit, config, ledger, services
from ivr.web.api.documentation import answer, links_to, problems, resource
from ivr.web.api.gate import SCHEDULERS
from ivr.web.api.problems import ProblemError

blueprint = resource("webhooks", "Webhooks")
ACCESS = dict.fromkeys(("webhooks.list_webhooks", "webhooks.add", "webhooks.end"), SCHEDULERS)


@blueprint.get("/webhooks", responses={200: models.WebhookList})
def list_webhooks() -> dict[str, Any]:
    """The webhooks of this key."""
    with ledger().read() as connection:
        return {"webhooks": [_json(each) for each in webhooks(connection, api_key().id)]}


@blueprint.post(
    "/webhooks",
    responses={
        201: answer(models.NewWebhook, {}, links_to("webhook_id", "$response.body#/id", "webhooks_end")),
        **problems(409, 422),
    },
)
def add(body: models.WebhookBody) -> tuple[dict[str, Any], int]:
    """Send events to an https address. The answer shows the secret that signs them, once."""
    shared = services()
    hosts, local = shared.settings.webhook_host_list, shared.settings.loopback
    if problem := webhook_problem(body.url, hosts, local=local):
        fault = {"field": "url", "code": "webhook_url", "message": problem}
        raise ProblemError("webhook_url", detail=problem, errors=[fault])
    with ledger().write() as connection:
        try:
            made, secret = add_webhook(connection, shared.vault, api_key().id, body.url, body.events, clock.now())
        except TooManyWebhooks:
            raise ProblemError("webhooks_full") from None
        audit(connection, AuditKind.WEBHOOK_ADDED, webhook=made.id)
    return {**_json(made), "secret": secret}, 201


@blueprint.delete("/webhooks/<int:webhook_id>", responses={204: None, **problems(404)})
def end(path: models.WebhookPath) -> Response:
    """Send nothing more to a webhook."""
    with ledger().write() as connection:
        if not end_webhook(connection, api_key().id, path.webhook_id, clock.now()):
            raise ProblemError("not_found")
        audit(connection, AuditKind.WEBHOOK_ENDED, webhook=path.webhook_id)
    return Response(status=204)


def _json(each: Webhook) -> dict[str, Any]:
    created_at = each.created_at.astimezone(config().zone).isoformat(timespec="seconds")
    return {"id": each.id, "url": each.url, "events": list(each.kinds), "created_at": created_at}
