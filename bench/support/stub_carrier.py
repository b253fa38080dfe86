"""A stub carrier that accepts every text after a fixed latency: `python -m bench.support.stub_carrier PORT LATENCY_MS`.

It does as little as possible, so that the benchmark measures the worker. GET /accepted returns {"texts", "numbers",
"first", "last"}: how many texts, to how many numbers, and the times of the first and the last (monotonic seconds).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from urllib.parse import parse_qs

_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_MESSAGE = (
    '{"account_sid": "%s", "api_version": "2010-04-01", "body": "", "date_created": "Tue, 01 Dec 2026 15:00:00 +0000",'
    ' "date_sent": null, "date_updated": "Tue, 01 Dec 2026 15:00:00 +0000", "direction": "outbound-api",'
    ' "error_code": null, "error_message": null, "from": null, "messaging_service_sid": null, "num_media": "0",'
    ' "num_segments": "1", "price": null, "price_unit": "USD", "sid": "SM%032x", "status": "queued",'
    ' "subresource_uris": {}, "to": "", "uri": ""}'
)
# A worker first checks whether the ledger was restored from a backup: nothing has been sent yet.
_NO_MESSAGES = b'{"messages": [], "next_page_uri": null, "page": 0, "page_size": 50, "uri": "", "start": 0, "end": 0}'


class StubCarrier(asyncio.Protocol):
    """A keep-alive connection with one request at a time, like those of the SDK."""

    latency = 0.0
    accepted: list[tuple[float, str]] = []
    sids = itertools.count(1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        if len(body) < length:
            return
        self._data = body[length:]
        if head.startswith(b"POST"):
            to = parse_qs(body[:length].decode())["To"][0]
            message = (_MESSAGE % ("AC" + "0" * 32, next(self.sids))).encode()
            asyncio.get_running_loop().call_later(self.latency, self._accept, to, message)
        elif head.startswith(b"GET /accepted "):
            self._respond(b"200 OK", json.dumps(self._counts()).encode())
        else:
            self._respond(b"200 OK", _NO_MESSAGES)

    def _accept(self, to: str, message: bytes) -> None:
        self.accepted.append((time.monotonic(), to))
        self._respond(b"201 Created", message)

    def _respond(self, status: bytes, body: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(_HEAD % (status, len(body)) + body)

    def _counts(self) -> dict[str, float]:
        times = [moment for moment, _ in self.accepted] or [0.0]
        numbers = len({to for _, to in self.accepted})
        return {"texts": len(self.accepted), "numbers": numbers, "first": times[0], "last": times[-1]}


async def _serve(port: int, latency: float) -> None:
    StubCarrier.latency = latency
    server = await asyncio.get_running_loop().create_server(StubCarrier, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
