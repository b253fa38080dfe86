"""One text proved while it is written: every file of prompts/, and what is made ready once for a draft.

In milliseconds of one processor: nothing waits in a proof, and other work on the machine is left out.
"""

from __future__ import annotations

import argparse
import statistics
import time

from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.lint.single_prompt import preload_proof, prove_prompt
from ivr.shipped import ROOT

ROUNDS = 5
SHOWN = 3
MOST_MS = 50.0


def main(_options: argparse.Namespace) -> int:
    content = read_content(read_folder(ROOT / "prompts"))
    print(f"\nproof of one text while it is written; medians of {ROUNDS} rounds, milliseconds of one processor")
    begun = time.process_time()
    preload_proof(content)
    print(f"{'a draft made ready, once':34}{_since(begun):8.1f}")
    worst = 0.0
    for language in content.config.languages:
        taken = sorted(((_median(content, file), file) for file in _files(content, language)), reverse=True)
        print(f"{f'{language}: median of {len(taken)} files':34}{statistics.median(ms for ms, _ in taken):8.1f}")
        for milliseconds, file in taken[:SHOWN]:
            print(f"  {file:32}{milliseconds:8.1f}")
        worst = max(worst, taken[0][0])
    print(f"asked: under {MOST_MS:.0f} ms for the worst file")
    return int(worst >= MOST_MS)


def _files(content: Content, language: str) -> list[str]:
    return [file for file in content.files if file.startswith(f"{language}/") and file.endswith(".md")]


def _median(content: Content, file: str) -> float:
    """A file with a word typed into it, so that nothing is known of it from before."""
    taken: list[float] = []
    for number in range(ROUNDS):
        typed = content.files[file].replace(b"\n\n", b"\n\nWord %d. " % number, 1)
        begun = time.process_time()
        proof = prove_prompt(content, file, typed)
        taken.append(_since(begun))
        assert proof.sections, file
    return statistics.median(taken)


def _since(begun: float) -> float:
    return 1000 * (time.process_time() - begun)
