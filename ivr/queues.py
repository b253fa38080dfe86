"""The job queue (RQ on Redis) and publish/subscribe. Jobs are named by strings, so that `ivr` never imports `worker`.

Jobs carry ids and counts only. The queue may lose all of them at any time: the clock process enqueues them again.
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
# The channel that announces a new live release.
PUBLISHED = "infoline:published"
_RECONNECT_SECONDS = 1.0
_POLL_SECONDS = 5.0
UNAVAILABLE = (RedisError, OSError)
"""What an unavailable queue server raises."""


def connect(url: str, *, retry: bool = True) -> Redis:
    """A lazy connection to the queue server; connecting times out after two seconds.

    retry: on failure, retry for a few seconds before raising one of UNAVAILABLE.
    """
    options = {} if retry else {"retry": Retry(NoBackoff(), 0)}
    return Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5, **options)


def publish(url: str, channel: str) -> None:
    """Notify all subscribers. Does nothing without a queue server: subscribers also poll."""
    if url:
        with suppress(*UNAVAILABLE), connect(url) as connection:
            connection.publish(channel, "")


def subscribe(url: str, channel: str, notify: Callable[[], None]) -> None:
    """Call `notify` on each message, and after each connect, since a message may have been missed. Never returns."""
    pause = threading.Event()
    while True:
        with (
            suppress(*UNAVAILABLE),
            connect(url) as connection,
            connection.pubsub(ignore_subscribe_messages=True) as subscription,
        ):
            subscription.subscribe(channel)
            notify()
            while True:
                if subscription.get_message(timeout=_POLL_SECONDS):
                    notify()
        pause.wait(_RECONNECT_SECONDS)


def open_queue(connection: Redis) -> Queue:
    return Queue(NAME, connection=connection, serializer=JSONSerializer)


def enqueue(queue: Queue, job: str, *args: Any) -> None:
    """Enqueue a job by name; a text that a caller requested goes ahead of all other jobs."""
    at_front = job == SEND_ASKED
    queue.enqueue(job, args=args, at_front=at_front, job_timeout=JOB_SECONDS, result_ttl=60, failure_ttl=3600)


def is_reachable(url: str) -> bool:
    return queue_depth(url) is not None


def queue_depth(url: str) -> int | None:
    """The number of jobs that no worker has started; None if no queue server answers at the URL."""
    if not url:
        return None
    try:
        with connect(url, retry=False) as connection:
            return int(open_queue(connection).count)
    except UNAVAILABLE:
        return None
