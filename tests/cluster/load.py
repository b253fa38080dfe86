"""Callers, and patients who answer their reminders, while a test restarts everything around them."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any

# Twilio gives up on a webhook after this long, and so does the simulator.
TWILIO_SECONDS = 15.0
THINKING_SECONDS = 0.3


@dataclass(frozen=True)
class Script:
    """What a caller does, one action a turn, in the evening, when the hospital is closed.

    outcomes: what the caller may hear at the last turn beside what is said when all works, and what it means.
    """

    name: str
    actions: tuple[dict[str, str], ...]
    outcomes: tuple[tuple[str, str], ...] = ()


def _keys(*keys: str) -> tuple[dict[str, str], ...]:
    return tuple({"keys": key} for key in keys)


# Without the database, a text is refused or promised for later; a call-back and a STOP go to the spool.
TEXT = Script(
    "text",
    _keys("3", "2", "5", "1"),
    (("is on its way", "sent"), ("I will try to send", "unknown"), ("I could not send", "refused")),
)
CALLBACK = Script("callback", _keys("0", "1", "1", "2"), (("I wrote that down", "saved"),))
STOP = Script("stop", ({"speech": "stop texting me"},), (("no more texts to this number", "stopped"),))
READ = Script("read", _keys("1", "1", "1", "1", "*", "9", "2"))
ASK = Script("ask", ({"speech": "what are calcifications"}, {"keys": "1"}, {"keys": "8"}))
SCRIPTS = (READ, TEXT, ASK, CALLBACK, READ, STOP)


class Phones:
    """The simulated phones. Each request is one turn, or one text with its answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self.slowest = 0.0

    def post(self, path: str, body: object) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/simulator{path}", json.dumps(body).encode(), headers)
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            answer = json.load(error)
        with self._lock:
            self.slowest = max(self.slowest, time.monotonic() - began)
        return answer

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self._url}/simulator{path}", timeout=60) as response:
            return json.load(response)


@dataclass
class Call:
    """A finished call. turns: what was said at each. outcome: of the script's outcomes."""

    script: Script
    caller: str
    turns: list[list[str]] = field(default_factory=list)
    error: str | None = None
    outcome: str | None = None


def make_call(phones: Phones, script: Script, caller: str, thinking: float = THINKING_SECONDS) -> Call:
    """Call the line, and go through a script. A turn without words is an error."""
    call = Call(script, caller)
    turn = phones.post("/calls", {"from": caller})
    sid, spoken = turn.get("call"), f"{caller[2:5]}-{caller[5:8]}-{caller[8:]}"
    for action in (*script.actions, {"hangup": "now"}):
        said = turn.get("said") or []
        if turn.get("error") or not any(said):
            call.error = f"turn {len(call.turns)}: {turn.get('error') or 'nothing was said'}"
            return call
        call.turns.append([words.replace(spoken, "YOUR NUMBER") for words in said])
        time.sleep(thinking)
        turn = phones.post(f"/calls/{sid}/heard", action)
    words = " ".join(call.turns[-1])
    call.outcome = next((meaning for heard, meaning in script.outcomes if heard in words), None)
    return call


class Callers:
    """Callers, one after another, until the outages are over."""

    def __init__(self, phones: Phones, numbers: Sequence[str], at_least: int, every: float) -> None:
        self.calls: list[Call] = []
        self._undisturbed: list[Call] = []
        first, self._phones = len(SCRIPTS), phones
        self._numbers, self._later_numbers = numbers[first:-first], numbers[-first:]
        self._at_least, self._every = at_least, every
        self._hear_all(numbers[:first])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def hear_new_words(self) -> None:
        """Call once more by each script, after other words were published: from then on, calls may have either."""
        self._hear_all(self._later_numbers)

    def _hear_all(self, numbers: Sequence[str]) -> None:
        for script, number in zip(SCRIPTS, numbers, strict=True):
            self._undisturbed.append(make_call(self._phones, script, number))

    def _run(self) -> None:
        scripts = cycle(SCRIPTS)
        with ThreadPoolExecutor(30, "caller") as pool:
            for number in count():
                if self._over.is_set() and number >= self._at_least or number >= len(self._numbers):
                    break
                pool.submit(self._call, next(scripts), self._numbers[number])
                time.sleep(self._every)

    def _call(self, script: Script, caller: str) -> None:
        try:
            self.calls.append(make_call(self._phones, script, caller))
        except OSError as error:
            self.calls.append(Call(script, caller, error=f"the simulator: {error!r}"))

    def finish(self) -> None:
        self._over.set()
        self._thread.join()

    def faults(self) -> list[str]:
        """What callers missed: a turn without words, and words that others heard."""
        return [f"{call.script.name}: {fault}" for call in self.calls if (fault := self._fault(call))]

    def _fault(self, call: Call) -> str | None:
        if call.error:
            return call.error
        fixed = -1 if call.script.outcomes else None
        expected = [other.turns for other in self._undisturbed if other.script is call.script]
        if call.turns[:fixed] not in [turns[:fixed] for turns in expected]:
            both = enumerate(zip(call.turns, expected[-1], strict=False))
            at = next((at for at, (heard, words) in both if heard != words), len(call.turns))
            return f"turn {at}: {call.turns[at : at + 1]}"
        return f"the end: {call.turns[-1]}" if call.script.outcomes and call.outcome is None else None

    def of(self, script: Script, *outcomes: str) -> set[str]:
        """The callers of a script who heard one of some outcomes."""
        calls = [*self.calls, *self._undisturbed]
        return {call.caller for call in calls if call.script is script and call.outcome in outcomes}

    def outcomes(self) -> Counter[str]:
        return Counter(f"{call.script.name} {call.outcome}" for call in self.calls if call.script.outcomes)


class Patients:
    """Patients who answer their reminder soon after it arrived. words: what each of them answers."""

    def __init__(self, phones: Phones, words: dict[str, str]) -> None:
        self._phones, self._words = phones, words
        self.errors: list[str] = []
        self.answered: dict[str, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        waiting = dict(self._words)
        # Once more after all texts went out.
        is_last = False
        while waiting and not is_last:
            is_last = self._over.is_set()
            try:
                arrived = self._phones.get("/threads")
            except OSError as error:
                self.errors.append(f"the simulator: {error!r}")
                return
            for number in [number for number in waiting if number in arrived]:
                self._answer(number, waiting.pop(number))
            time.sleep(1)

    def _answer(self, number: str, word: str) -> None:
        try:
            answer = self._phones.post("/texts", {"from": number, "body": word})
        except OSError as error:
            answer = {"error": f"the simulator: {error!r}"}
        if answer.get("error"):
            self.errors.append(f"{word}: {answer['error']}")
        elif not answer.get("replies"):
            self.errors.append(f"{word}: no reply")
        self.answered[number] = word

    def finish(self) -> None:
        self._over.set()
        self._thread.join()
