"""The queue: the one small module through which jobs are started, by name, so that nothing here imports worker.

Jobs carry ids and counts only. All in it can be lost at any moment: the clock process puts it back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

NAME = "infoline"
SEND = "worker.jobs.send_slice"
SEND_ASKED = "worker.jobs.send_asked"
RECONCILE = "worker.jobs.reconcile_texts"
JOB_SECONDS = 600
PUBLISHED = "infoline:published"
"""What is told to all processes when other words went live."""
_AGAIN_SECONDS = 1.0
_QUIET_SECONDS = 5.0
UNAVAILABLE = (RedisError, OSError)
"""What a queue that is away raises."""


def connect(url: str, *, patient: bool = True) -> Redis:
    """A connection to the queue server; it connects when first used and gives up within two seconds.

    patient: ask a few times more, some seconds long, before it counts as away.
    """
    once = {} if patient else {"retry": Retry(NoBackoff(), 0)}
    return Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5, **once)


def publish(url: str, what: str) -> None:
    """Tell every process that hears. While the queue is away nobody is told: they look for themselves too."""
    if url:
        with suppress(*UNAVAILABLE), connect(url) as connection:
            connection.publish(what, "")


def subscribe(url: str, what: str, heard: Callable[[], None]) -> None:
    """Call `heard` each time that something is told, and whenever the queue is back. It never returns."""
    pause = threading.Event()
    while True:
        with (
            suppress(*UNAVAILABLE),
            connect(url) as connection,
            connection.pubsub(ignore_subscribe_messages=True) as told,
        ):
            told.subscribe(what)
            heard()
            while True:
                if told.get_message(timeout=_QUIET_SECONDS):
                    heard()
        pause.wait(_AGAIN_SECONDS)


def open_queue(connection: Redis) -> Queue:
    return Queue(NAME, connection=connection, serializer=JSONSerializer)


def enqueue(queue: Queue, job: str, *args: Any) -> None:
    """Start a job by its name; somebody who asked for a text goes before whatever waits."""
    first = job == SEND_ASKED
    queue.enqueue(job, args=args, at_front=first, job_timeout=JOB_SECONDS, result_ttl=60, failure_ttl=3600)


def is_reachable(url: str) -> bool:
    """Whether a queue server answers at a URL."""
    return queue_depth(url) is not None


def queue_depth(url: str) -> int | None:
    """How many jobs no worker has taken yet; None when no queue server answers at a URL."""
    if not url:
        return None
    try:
        with connect(url, patient=False) as connection:
            return int(open_queue(connection).count)
    except UNAVAILABLE:
        return None
