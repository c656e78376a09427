"""Properties of bytes: what is read can be written again."""

from __future__ import annotations

from emu.formats import squib
from emu.snapshot import RESTORE_PLAN, Plan, Snapshot, freeze, thaw
from harness.entropy import SeededEntropy
from harness.properties.violation import expect, expect_none

QUIET_RESTORE_PLAN = RESTORE_PLAN.without("write-generation-id", "notify-generation-id")
"""Restoring without telling the guest: what squib itself does, which has no VMGenID."""


def check_round_trip(data: bytes) -> None:
    """RT: decoding a state file and encoding the value gives the same bytes."""
    again = squib.encode(squib.decode(data))
    expect(
        "RT: decode, then encode, gives the same bytes",
        again == data,
        f"{len(data)} bytes became {len(again)}, from byte {_first_difference(data, again)} on",
    )


def check_idempotent(snapshot: Snapshot, *, plan: Plan = QUIET_RESTORE_PLAN) -> None:
    """IDEM: freezing what was just thawed gives the same state file and the same memory.

    The default plan leaves the guest untold of the restore, which would change memory.
    """
    with thaw(snapshot, entropy=SeededEntropy(b"idempotent"), plan=plan) as machine:
        again = freeze(machine)
    expect_none(
        "IDEM: freeze(thaw(snapshot)) is the snapshot",
        [
            name
            for name, same in (
                ("the state file differs", again.encode_state() == snapshot.encode_state()),
                ("the memory differs", again.memory_bytes() == snapshot.memory_bytes()),
            )
            if not same
        ],
    )


def _first_difference(left: bytes, right: bytes) -> int:
    pairs = zip(left, right, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))
