"""RT and IDEM: bytes and snapshots come back as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.formats import squib
from emu.snapshot import RESTORE_PLAN, freeze, thaw
from firmware.layout import Window
from harness.entropy import SeededEntropy
from harness.properties import (
    QUIET_RESTORE_PLAN,
    PropertyViolation,
    check_idempotent,
    check_round_trip,
)
from harness.properties.bisimulation import Boot
from harness.strategies.values import values

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "squib-0.2").glob("*.snap"))
GENERATIONS = 5


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_files_made_by_the_real_crates_come_back(path: Path) -> None:
    check_round_trip(path.read_bytes())


def test_there_are_files_to_look_at() -> None:
    """An empty list would make the test above pass."""
    assert len(GOLDEN) == 15


@given(values(squib.Snapshot))
def test_any_state_comes_back(snapshot: squib.Snapshot) -> None:
    data = squib.encode(snapshot)
    assert squib.decode(data) == snapshot
    check_round_trip(data)


def test_the_property_sees_a_codec_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault: an encoder that leaves out the last register."""
    encode = squib.encode

    def forgetful(snapshot: squib.Snapshot) -> bytes:
        for vcpu in snapshot.data.vcpu_states:
            vcpu.sys_regs.popitem()
        return encode(snapshot)

    data = GOLDEN[12].read_bytes()
    monkeypatch.setattr(squib, "encode", forgetful)
    with pytest.raises(PropertyViolation, match="RT"):
        check_round_trip(data)


@pytest.mark.parametrize("mode", list(Window))
def test_any_generation_is_the_first_one(quiet: Any, mode: Window) -> None:
    """Freezing and thawing again and again changes nothing, and the guest ends as it would have.

    What a first restore hides, a second one may show.
    """
    boot: Boot = quiet(mode)
    with boot() as machine:
        machine.run(900)
        first = snapshot = freeze(machine)
    for _ in range(GENERATIONS):
        check_idempotent(snapshot)
        with thaw(snapshot, entropy=SeededEntropy(b"g"), plan=QUIET_RESTORE_PLAN) as again:
            snapshot = freeze(again)
    assert snapshot == first


@given(st.integers(0, 1_700))
def test_freezing_what_was_thawed_gives_the_same(quiet: Any, instructions: int) -> None:
    with quiet(Window.HANDLER)() as machine:
        machine.run(instructions)
        check_idempotent(freeze(machine))


def test_the_property_sees_state_and_memory_that_differ(quiet: Any) -> None:
    """The faults: vector registers are not restored; the guest is told of the restore."""
    with quiet()() as machine:
        machine.run(900)
        snapshot = freeze(machine)
    with pytest.raises(PropertyViolation, match=r"IDEM.*\n.*the state file differs$"):
        check_idempotent(snapshot, plan=QUIET_RESTORE_PLAN.without("set-simd-registers"))
    with pytest.raises(PropertyViolation, match="the memory differs"):
        check_idempotent(snapshot, plan=RESTORE_PLAN)
