"""The information line. `create_app` joins the parts of the web process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from ivr.settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The web process: doors for the carrier, and what watches over them. settings: default from the environment."""
    # Imported here so that a worker, or `infoline --help`, does not load the web.
    from flask import Flask

    from ivr import clock, log
    from ivr.ledger import Vault, open_ledger
    from ivr.people.calls.call_log import CallLog
    from ivr.people.inbound.incoming import IncomingTextLog
    from ivr.people.inbound.unanswered import UnansweredLog
    from ivr.people.profile import ProfileReader
    from ivr.people.spool import Spool
    from ivr.releases.cache import ReleaseCache
    from ivr.settings import load
    from ivr.web import audio, health, metrics, receipts, sms, voice
    from ivr.web.call_tasks import CallTasks
    from ivr.web.services import Services
    from ivr.web.webhook import LARGEST_BODY, FastPath

    settings = settings or load()
    log.configure()
    clock.set_shift(settings.clock_shift_seconds)
    ledger = open_ledger(settings.database_url)
    shelf = ReleaseCache(ledger, settings.var_dir, settings.prompts_dir, settings.public_url, settings.redis_url)
    shelf.watch()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    vault = Vault.of(settings)
    kept = Spool(settings.var_dir, ledger, vault, receipts.replay_receipt)
    kept.watch()
    texts = IncomingTextLog(ledger, vault)
    here = app.extensions["infoline"] = Services(
        settings=settings,
        ledger=ledger,
        vault=vault,
        shelf=shelf,
        calls=CallLog(ledger, vault),
        tasks=CallTasks(ledger, vault, settings.redis_url, kept),
        texts=texts,
        known=ProfileReader(ledger, texts),
        unanswered=UnansweredLog(ledger, vault),
        kept=kept,
    )
    for module in (voice, sms, receipts, audio, metrics, health):
        app.register_blueprint(module.blueprint)
    health.watch_alarms(here)
    # Middleware, as the framework documents it: callers come first.
    app.wsgi_app = FastPath(app.wsgi_app, here, voice.answer_call, sms.answer_text)  # type: ignore[method-assign]
    return app
