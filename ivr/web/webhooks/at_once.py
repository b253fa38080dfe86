"""Turns of a call that are answered on the event loop, where nothing may wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn, cast

from ivr.line.twiml.release import CompiledLine
from ivr.releases.cache import ReleaseCache
from ivr.web.call_tasks import CallTasks
from ivr.web.services import Services

AT_ONCE = "infoline.at_once"
"""The key in a WSGI environment of a request that may raise WouldWait."""

WITHOUT_DATABASE = "infoline.without_database"
"""The key in a WSGI environment of a text that must be answered without the database, so that no opt-out is lost."""


class WouldWait(BaseException):
    """A turn needs the database, so it must be answered on a thread. Nothing has been written yet.

    Not an Exception, because a turn answers every Exception with an apology.
    """


def services_at_once(services: Services) -> Services:
    """Return services for turns that never wait: they raise WouldWait instead."""
    return replace(
        services,
        tasks=cast(CallTasks, _NoTasks()),
        releases=cast(ReleaseCache, _LoadedReleases(services.releases)),
    )


class _NoTasks:
    def perform(self, *_arguments: Any) -> NoReturn:
        raise WouldWait

    def stop_later(self, *_arguments: Any) -> NoReturn:
        raise WouldWait


class _LoadedReleases:
    """The releases in memory."""

    def __init__(self, releases: ReleaseCache) -> None:
        self._releases = releases

    @property
    def live(self) -> CompiledLine | None:
        return self._releases.live

    def get(self, digest: str) -> CompiledLine:
        line = self._releases.loaded(digest)
        if line is None:
            raise WouldWait
        return line
