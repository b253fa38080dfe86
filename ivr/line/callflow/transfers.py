"""Transfers in the call graph: who is dialed in which order, and what follows. Pure."""

from __future__ import annotations

from ivr.line.callflow.states import (
    FAILED,
    ActionResult,
    CallbackOffer,
    Facts,
    Goodbye,
    Heard,
    State,
    Transfer,
    Turn,
)
from ivr.line.content.config import Config, DirectoryEntry
from ivr.line.content.costly_numbers import may_be_dialed

ANSWERED = ("completed", "answered")
_DIAL_PREFACES = {"busy": "transfer-busy", "no-answer": "transfer-no-answer"}


class Transfers:
    """The transfers of one release."""

    def __init__(self, config: Config) -> None:
        self.chains = {entry.id: _chain(config, entry) for entry in config.directory}
        """The entries that are dialed, in order, for each entry that a caller can ask for."""

    def reach(self, language: str, entry: str, facts: Facts, preface: str | None = None) -> Turn:
        """A transfer to the first open link of an entry's chain, or the call-back offer if all are closed."""
        transfer = self._next(entry, 0, facts)
        if transfer:
            return Turn(State(language, transfer), preface)
        return Turn(State(language, CallbackOffer(entry, "closed")))

    def after_dial(self, state: State, node: Transfer, heard: Heard, facts: Facts) -> Turn:
        """The turn after a transfer ended: goodbye, the next open link, or the call-back offer."""
        status = heard.status if isinstance(heard, ActionResult) else FAILED
        if status in ANSWERED:
            return Turn(state.enter(Goodbye()))
        transfer = self._next(node.entry, node.link + 1, facts)
        if transfer:
            dialed = self.chains[node.entry][node.link]
            return Turn(state.enter(transfer), _DIAL_PREFACES.get(status, "transfer-failed"), dialed)
        return self.no_one_free(state, node, facts)

    def no_one_free(self, state: State, node: Transfer, facts: Facts) -> Turn:
        """The call-back offer instead of a transfer, or after one that nobody answered.

        The caller is asked to call again a little later, so the offer names no entry that is closed.
        """
        chain = self.chains[node.entry]
        entry = next(filter(facts, chain[: node.link]), chain[node.link])
        return Turn(state.enter(CallbackOffer(entry, "no-one-free")))

    def _next(self, entry: str, first: int, facts: Facts) -> Transfer | None:
        """The transfer to the first open link of an entry's chain from link `first` on."""
        links = enumerate(self.chains[entry])
        return next((Transfer(entry, link) for link, name in links if link >= first and facts(name)), None)


def _chain(config: Config, entry: DirectoryEntry) -> tuple[str, ...]:
    """An entry and its fallbacks, without those that repeat a phone number, and without numbers that cost too much.

    The latter are findings of `prompts check`; but a folder that was never published is served without it.
    """
    by_number: dict[str, str] = {}
    for link in (entry, *map(config.entry, entry.next)):
        if may_be_dialed(config, link):
            by_number.setdefault(link.number, link.id)
    return tuple(by_number.values())
