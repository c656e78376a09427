"""A snapshot as files: whole or not at all, refused with a reason, and safe to save over."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from emu.errors import EncodeError, IncompatibleError, MemoryFileError
from emu.machine import Machine
from emu.snapshot import Snapshot, freeze, thaw
from harness.entropy import SeededEntropy
from harness.properties import QUIET_RESTORE_PLAN
from harness.trace import record, trace_differences

ENTROPY = SeededEntropy(b"snapshot")


def test_what_is_saved_is_loaded(snapshot: Snapshot, tmp_path: Path) -> None:
    state_path, memory_path = snapshot.save(tmp_path, "demo")
    assert (state_path, memory_path) == (tmp_path / "demo.snap", tmp_path / "demo.mem")
    loaded = Snapshot.load(state_path)
    assert loaded.state == snapshot.state
    assert loaded.memory == memory_path
    assert loaded.memory_bytes() == snapshot.memory
    assert loaded.encode_state() == state_path.read_bytes()


def test_the_memory_file_may_have_another_name(snapshot: Snapshot, tmp_path: Path) -> None:
    state_path, memory_path = snapshot.save(tmp_path, "demo")
    other = memory_path.rename(tmp_path / "other")
    assert Snapshot.load(state_path, other).memory_bytes() == snapshot.memory


def test_a_missing_memory_file_is_named(snapshot: Snapshot, tmp_path: Path) -> None:
    state_path, memory_path = snapshot.save(tmp_path, "demo")
    memory_path.unlink()
    with pytest.raises(MemoryFileError, match=r"demo\.mem: there is no such memory file"):
        Snapshot.load(state_path)


def test_a_directory_is_no_memory_file(snapshot: Snapshot, tmp_path: Path) -> None:
    state_path, _ = snapshot.save(tmp_path, "demo")
    with pytest.raises(MemoryFileError):
        Snapshot.load(state_path, tmp_path)


@pytest.mark.parametrize("change", [-1, 1, -(6 << 20)])
def test_memory_of_another_size_is_refused(snapshot: Snapshot, tmp_path: Path, change: int) -> None:
    """A memory file that is too short would fault at the first access behind its end."""
    state_path, memory_path = snapshot.save(tmp_path, "demo")
    with memory_path.open("r+b") as file:
        file.truncate(snapshot.ram_size_bytes + change)
    with pytest.raises(MemoryFileError, match=str(snapshot.ram_size_bytes)):
        Snapshot.load(state_path)
    assert isinstance(snapshot.memory, bytes)
    wrong = replace(snapshot, memory=snapshot.memory[: len(snapshot.memory) // 2])
    with pytest.raises(MemoryFileError, match="the memory has"):
        thaw(wrong, entropy=ENTROPY)


def test_a_memory_file_that_changed_since_it_was_loaded_is_refused(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    state_path, memory_path = snapshot.save(tmp_path, "demo")
    loaded = Snapshot.load(state_path)
    memory_path.write_bytes(b"short")
    with pytest.raises(MemoryFileError):
        thaw(loaded, entropy=ENTROPY)
    with pytest.raises(MemoryFileError):
        loaded.memory_bytes()


@pytest.mark.parametrize("size_mib", [0, (1 << 20) + 1, (1 << 64) - 1])
def test_a_size_that_no_machine_has_is_refused(snapshot: Snapshot, size_mib: int) -> None:
    snapshot.state.data.vm_info.mem_size_mib = size_mib
    with pytest.raises(IncompatibleError, match="mem_size_mib is"):
        thaw(snapshot, entropy=ENTROPY)


class DiskFullError(OSError):
    """What the disk says."""


@pytest.mark.parametrize("writes", [0, 1])
def test_a_save_that_fails_leaves_nothing(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """TXN: neither a half-written file nor one of the two, whichever can't be written."""
    left = [None] * writes
    flush = os.fsync

    def flush_or_fail(descriptor: int) -> None:
        flush(descriptor)
        if not left:
            raise DiskFullError
        left.pop()

    (tmp_path / "demo.snap").write_bytes(b"earlier")
    monkeypatch.setattr(os, "fsync", flush_or_fail)
    with pytest.raises(DiskFullError):
        snapshot.save(tmp_path, "demo")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "demo.snap": b"earlier"
    }


def test_a_state_that_can_not_be_encoded_leaves_nothing(snapshot: Snapshot, tmp_path: Path) -> None:
    snapshot.state.data.vm_info.mem_size_mib = -1
    with pytest.raises(EncodeError, match="mem_size_mib"):
        snapshot.save(tmp_path, "demo")
    assert list(tmp_path.iterdir()) == []


def test_a_shorter_state_over_a_longer_one_leaves_no_tail(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    """The state file is replaced, not overwritten."""
    (tmp_path / "demo.snap").write_bytes(bytes(1 << 20))
    state_path, _ = snapshot.save(tmp_path, "demo")
    assert state_path.read_bytes() == snapshot.encode_state()


def test_saving_over_the_files_of_a_running_machine_is_safe(
    machine: Machine, snapshot: Snapshot, tmp_path: Path
) -> None:
    """The machine is mapped from `demo.mem`; its successor of that name is another file."""
    state_path, memory_path = snapshot.save(tmp_path, "demo")
    with thaw(Snapshot.load(state_path), entropy=ENTROPY, plan=QUIET_RESTORE_PLAN) as mapped:
        mapped.run(100)
        freeze(mapped).save(tmp_path, "demo")
        memory_path.write_bytes(bytes(memory_path.stat().st_size))
        found = record(mapped)
    machine.quiesce()
    machine.run(100)
    machine.quiesce()
    assert list(trace_differences(record(machine), found)) == []


def test_a_thawed_machine_never_writes_to_its_file(snapshot: Snapshot, tmp_path: Path) -> None:
    state_path, memory_path = snapshot.save(tmp_path, "demo")
    with thaw(Snapshot.load(state_path), entropy=ENTROPY) as mapped:
        mapped.run()
        assert mapped.ram.contents() != snapshot.memory
    assert memory_path.read_bytes() == snapshot.memory
