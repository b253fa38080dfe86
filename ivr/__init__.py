"""The information line. `create_app` builds the web process; everything else is in the subpackages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from ivr.settings import Settings
    from ivr.web.doors import Doors

# Read when numpy is first imported. Its threads wait for each other in a loop, which takes the cores from callers while
# a model is trained, and makes the training take longer on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def create_app(settings: Settings | None = None, doors: Doors = "all") -> Flask:
    """Return the web process as a WSGI app. settings: read from the environment by default.

    doors: whether it answers Twilio, the console and the API, or all of them.
    """
    # Imported lazily so that workers and `infoline --help` do not load the web code.
    import threading

    from ivr import clock, log
    from ivr.ledger import Vault
    from ivr.ledger.keys import open_guarded_ledger
    from ivr.people.callbacks import CallbackLimits
    from ivr.people.calls.call_limit import CallLimit
    from ivr.people.calls.call_log import CallLog
    from ivr.people.calls.transfer_limit import TransferLimit
    from ivr.people.inbound.answer_limit import AnswerLimit
    from ivr.people.inbound.incoming import IncomingTextLog
    from ivr.people.inbound.loops import LoopLimits
    from ivr.people.inbound.unanswered import UnansweredLog
    from ivr.people.profile import ProfileReader
    from ivr.people.spool import open_spool
    from ivr.private_files import make_private, set_private_umask
    from ivr.releases.cache import ReleaseCache
    from ivr.reminders.outbox.on_demand import RequestLimits
    from ivr.settings import load
    from ivr.web import health, local_redirects, metrics
    from ivr.web.call_tasks import CallTasks
    from ivr.web.doors import WithConsole, without_webhooks
    from ivr.web.line_app import LineApp
    from ivr.web.routes import MAX_BODY
    from ivr.web.server.request_counts import RequestCounts
    from ivr.web.services import Services
    from ivr.web.webhooks import audio, receipts, sms, voice
    from ivr.web.webhooks.fast_path import FastPath

    set_private_umask()
    settings = settings or load()
    make_private(settings.var_dir)
    log.configure()
    clock.set_shift(settings.clock_shift_seconds)
    if settings.clock_shift_file:
        clock.follow(settings.clock_shift_file)
    vault = Vault.of(settings)
    ledger = open_guarded_ledger(settings.database_url, vault)
    releases = ReleaseCache(
        ledger,
        settings.var_dir,
        settings.prompts_dir,
        settings.public_url,
        settings.redis_url,
        settings.models_folder,
        transfer_seconds=60 * settings.transfer_minutes,
        start_untrained=settings.start_untrained and settings.loopback,
    )
    stopping = threading.Event()
    releases.watch(stopping)
    app = LineApp(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    spool = open_spool(settings.var_dir, ledger, vault, receipts.replay_receipt)
    spool.watch(stopping)
    texts = IncomingTextLog(ledger, vault)
    limits = RequestLimits(settings.requested_texts_per_number, settings.requested_texts_per_hour)
    callback_limits = CallbackLimits(settings.callbacks_per_number, settings.callbacks_per_hour)
    shared = settings.var_dir / "limits"
    services = app.extensions["infoline"] = Services(
        settings=settings,
        ledger=ledger,
        vault=vault,
        releases=releases,
        calls=CallLog(ledger, vault),
        tasks=CallTasks(ledger, vault, settings.redis_url, spool, limits, callback_limits),
        texts=texts,
        profiles=ProfileReader(ledger, texts),
        unanswered=UnansweredLog(ledger, vault),
        spool=spool,
        requests=RequestCounts(settings.var_dir / "requests"),
        stopping=stopping,
        answers=AnswerLimit(shared, settings.answered_texts_per_hour),
        call_limit=CallLimit(shared, settings.calls_at_once, settings.calls_per_number, vault.hash),
        transfer_limit=TransferLimit(shared, settings.transfers_per_number, settings.transfers_per_hour, vault.hash),
        loop_limits=LoopLimits(settings.answered_texts_per_number, settings.unclear_texts_per_number),
    )
    limits_in_memory = (services.answers, services.call_limit, services.transfer_limit)
    if error := next(filter(None, (limit.error for limit in limits_in_memory)), None):
        log.get_logger().warning("limits_not_shared", reason=error.strerror)
    for module in (receipts, audio, metrics, health):
        app.register_blueprint(module.blueprint)
    health.register_probes(app)
    local_redirects.install(app)
    metrics.register_collector(app)
    health.watch_alarms(services)
    app.wsgi_app = FastPath(  # type: ignore[method-assign]
        app.wsgi_app, services, voice.answer_call, sms.answer_text, sms.answer_text_without_database
    )
    if doors == "console":
        app.wsgi_app = without_webhooks(app.wsgi_app)  # type: ignore[method-assign, assignment]
    if doors != "twilio":
        app.wsgi_app = WithConsole(app.wsgi_app, services)  # type: ignore[method-assign]
    return app
