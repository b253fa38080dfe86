"""CPU time to proof a file as it is edited, for every file of prompts/, and of the one-time preparation.

CPU time, not wall time: a proof never waits, and other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import statistics
import time

from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.lint.single_prompt import preload_proof, proof_prompt
from ivr.shipped import ROOT

ROUNDS = 5
SLOWEST_SHOWN = 3
TARGET_MS = 50.0


def main(_options: argparse.Namespace) -> int:
    content = read_content(read_folder(ROOT / "prompts"))
    print(f"\nproof of one file as it is edited, ms of CPU time, medians of {ROUNDS} rounds")
    started = time.process_time()
    preload_proof(content)
    print(f"{'preparation, once per draft':34}{_since(started):8.1f}")
    worst = 0.0
    for language in content.config.languages:
        times = sorted(((_median(content, file), file) for file in _files(content, language)), reverse=True)
        print(f"{f'{language}: median of {len(times)} files':34}{statistics.median(ms for ms, _ in times):8.1f}")
        for milliseconds, file in times[:SLOWEST_SHOWN]:
            print(f"  {file:32}{milliseconds:8.1f}")
        worst = max(worst, times[0][0])
    print(f"{'slowest file':34}{worst:8.1f} (target: under {TARGET_MS:.0f})")
    return int(worst >= TARGET_MS)


def _files(content: Content, language: str) -> list[str]:
    return [file for file in content.files if file.startswith(f"{language}/") and file.endswith(".md")]


def _median(content: Content, file: str) -> float:
    """The median CPU milliseconds to proof a file that changes each time, so that no cache has seen it."""
    times: list[float] = []
    for number in range(ROUNDS):
        edited = content.files[file].replace(b"\n\n", b"\n\nWord %d. " % number, 1)
        started = time.process_time()
        proof = proof_prompt(content, file, edited)
        times.append(_since(started))
        assert proof.sections, file
    return statistics.median(times)


def _since(started: float) -> float:
    return 1000 * (time.process_time() - started)
