"""Memory that processes share."""

from __future__ import annotations

import fcntl
import multiprocessing
import struct
import threading
from pathlib import Path

import pytest

from ivr.shared_memory import SharedMemory

COUNT = struct.Struct("<Q")
TIMES = 2000


def count(memory: SharedMemory, times: int) -> None:
    for _ in range(times):
        with memory as changed:
            COUNT.pack_into(changed, 0, COUNT.unpack_from(changed)[0] + 1)


def counted(memory: SharedMemory) -> int:
    with memory as read:
        return int(COUNT.unpack_from(read)[0])


def test_processes_and_threads_change_it_one_after_the_other(tmp_path, monkeypatch):
    # On a busy machine, a process may be put aside while it holds the lock.
    monkeypatch.setattr("ivr.shared_memory._TRIES", 1_000_000)
    path = tmp_path / "new" / "memory"
    memory = SharedMemory(path, COUNT.size)
    context = multiprocessing.get_context("spawn")
    runners = [
        context.Process(target=_patient, args=(path,)),
        *(threading.Thread(target=count, args=(memory, TIMES)) for _ in range(2)),
    ]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(120)
    assert counted(memory) == 3 * TIMES


def _patient(path: Path) -> None:
    import ivr.shared_memory

    ivr.shared_memory._TRIES = 1_000_000
    count(SharedMemory(path, COUNT.size), TIMES)


def test_it_stays_when_its_processes_end_and_begins_anew_in_another_size(tmp_path):
    count(SharedMemory(tmp_path / "memory", COUNT.size), 3)
    assert counted(SharedMemory(tmp_path / "memory", COUNT.size)) == 3
    assert counted(SharedMemory(tmp_path / "memory", 2 * COUNT.size)) == 0


def test_a_process_that_was_stopped_while_it_held_the_lock_does_not_stop_the_others(tmp_path):
    memory = SharedMemory(tmp_path / "memory", COUNT.size)
    with (tmp_path / "memory").open("r+b") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        count(memory, 2)
    assert counted(memory) == 2


@pytest.mark.parametrize("what", ["a file in place of the folder", "a folder in place of the file"])
def test_without_a_file_it_is_the_process_own_and_says_why(tmp_path, what):
    path = tmp_path / "memory"
    if "place of the folder" in what:
        path.write_text("")
        path /= "file"
    else:
        path.mkdir()
    memory = SharedMemory(path, COUNT.size)
    count(memory, 2)
    assert counted(memory) == 2
    assert memory.error is not None
    assert memory.error.strerror
