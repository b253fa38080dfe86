"""The job queue (RQ on Redis) and publish/subscribe. Jobs are named by strings, so that `ivr` never imports `worker`.

Jobs carry ids and counts only. The queue may lose all of them at any time: the clock process enqueues them again.
Redis is not trusted: of a job, only its name and arguments are read, as JSON (docs/decisions/0023).
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import utcparse
from rq.worker_registration import get_keys

from ivr import request_ids, tracing
from ivr.setting_rules import SentinelUrl, parse_sentinel_url

NAME = "infoline"
SEND = "worker.jobs.send_slice"
SEND_ASKED = "worker.jobs.send_asked"
RECONCILE = "worker.jobs.reconcile_texts"
FETCH = "worker.jobs.fetch_statuses"
FINISH = "worker.jobs.finish_imports"
DELIVER = "worker.webhooks.deliver_events"
EXPIRE = "worker.jobs.expire_data"
RESEAL = "worker.jobs.reseal_data"
JOB_SECONDS = 600
# The channel that announces a new live release.
PUBLISHED = "infoline:published"
_RECONNECT_SECONDS = 1.0
_POLL_SECONDS = 5.0
# Our jobs have a few hundred bytes of data.
_MAX_JOB_BYTES = 64 * 1024
_MAX_META_BYTES = 200
# Workers report every 10 seconds.
_WORKER_SECONDS = 45.0
UNAVAILABLE = (RedisError, OSError)
"""What an unavailable queue server raises."""


def connect(url: str, *, retry: bool = True) -> Redis:
    """A lazy connection to the queue server; connecting times out after two seconds.

    retry: on failure, retry for a few seconds before raising one of UNAVAILABLE.
    """
    options: dict[str, Any] = {"socket_connect_timeout": 2, "socket_timeout": 5}
    if not retry:
        options["retry"] = Retry(NoBackoff(), 0)
    address = parse_sentinel_url(url)
    return Redis.from_url(url, **options) if address is None else _connect_by_sentinel(address, options)


def _connect_by_sentinel(address: SentinelUrl, options: dict[str, Any]) -> Redis:
    """A connection to the server that is the primary when it is made: after a failover, another one."""
    options |= {"username": address.username, "password": address.password, "ssl": address.tls}
    # redis-py has no annotations here.
    sentinels = Sentinel(address.sentinels, sentinel_kwargs=options, **options)  # type: ignore[no-untyped-call]
    connection: Redis = sentinels.master_for(address.service, db=address.database)  # type: ignore[no-untyped-call]
    return connection


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
    # Not an argument, because workers of an earlier version refuse a job with arguments that they do not know.
    meta = {"request": request_ids.current.get()}
    if trace := tracing.traceparent():
        meta["trace"] = trace
    queue.enqueue(
        job, args=args, at_front=at_front, job_timeout=JOB_SECONDS, result_ttl=60, failure_ttl=3600, meta=meta
    )


@dataclass(frozen=True)
class QueuedJob:
    """What a job in the queue asks for. name: None if its data is not in the format of `enqueue`.

    request: the id of the request that enqueued it, or empty. trace: its span, or empty.
    """

    name: str | None
    arguments: tuple[Any, ...] = ()
    request: str = ""
    trace: str = ""


def take(connection: Redis, seconds: int) -> QueuedJob | None:
    """Remove the next job from the queue; None if none arrives in `seconds`. Raises one of UNAVAILABLE.

    RQ's own worker would also run the callbacks, retries, dependents, and webhooks that a job names.
    """
    popped: Any = connection.blpop([Queue.redis_queue_namespace_prefix + NAME], timeout=seconds)
    if not popped:
        return None
    key = Job.redis_job_namespace_prefix.encode() + bytes(popped[1])
    with connection.pipeline() as pipeline:
        pipeline.hmget(key, ["data", "meta"])
        pipeline.delete(key)
        fields, _ = pipeline.execute(raise_on_error=False)
    data, meta = fields if isinstance(fields, list) else (None, None)
    return _read_job(data, meta) if isinstance(data, bytes) else QueuedJob(None)


def _read_job(data: bytes, meta: bytes | None) -> QueuedJob:
    try:
        unpacked = zlib.decompressobj().decompress(data, _MAX_JOB_BYTES)
        name, instance, arguments, keywords = json.loads(unpacked)
    except (zlib.error, ValueError, TypeError, RecursionError):
        return QueuedJob(None)
    if not isinstance(name, str) or not isinstance(arguments, list) or instance is not None or keywords != {}:
        return QueuedJob(None)
    return QueuedJob(name, tuple(arguments), *_read_meta(meta))


def _read_meta(meta: bytes | None) -> tuple[str, str]:
    """The id of the request that enqueued a job, and its span; each empty if it is not one."""
    try:
        values = json.loads((meta or b"")[:_MAX_META_BYTES])
        request, trace = values.get("request"), values.get("trace")
    except (ValueError, TypeError, AttributeError, RecursionError):
        return "", ""
    return request if request_ids.is_id(request) else "", trace if tracing.is_traceparent(trace) else ""


def live_workers(url: str) -> int | None:
    """The number of workers that reported lately; None if no queue server answers at the URL."""
    if not url:
        return None
    oldest = datetime.now(UTC) - timedelta(seconds=_WORKER_SECONDS)
    try:
        with connect(url, retry=False) as connection, connection.pipeline() as pipeline:
            for key in get_keys(open_queue(connection)):
                pipeline.hget(key, "last_heartbeat")
            reported = pipeline.execute()
    except UNAVAILABLE:
        return None
    return sum(_is_after(value, oldest) for value in reported)


def _is_after(value: bytes | None, oldest: datetime) -> bool:
    try:
        return value is not None and utcparse(value.decode()) > oldest
    except ValueError:
        return False


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
