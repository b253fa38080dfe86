"""`infoline hl7` that commits new messages and never acknowledges them, so that it can be killed in between.

Messages that it knows already are acknowledged.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from unittest.mock import patch

from sqlalchemy import func, select

from ivr.cli import main
from ivr.feeds.hl7.acks import Reply
from ivr.feeds.hl7.inbox import Received
from ivr.feeds.hl7.process import Feed
from ivr.ledger.tables import hl7_message

_FOREVER = 3600
_store = Feed.store


def stalled_store(feed: Feed, received: Sequence[Received]) -> list[Reply]:
    before = count(feed)
    replies = _store(feed, received)
    if count(feed) > before:
        time.sleep(_FOREVER)
    return replies


def count(feed: Feed) -> int:
    with feed._ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(hl7_message)).scalar_one()


if __name__ == "__main__":
    with patch.object(Feed, "store", stalled_store):
        main()
