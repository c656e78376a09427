"""Freeze and thaw: a machine becomes a state file and a memory file, and these a machine."""

from emu.snapshot.freeze import freeze, thaw
from emu.snapshot.plan import Plan, Step
from emu.snapshot.snapshot import Snapshot
from emu.snapshot.squib_restore import RESTORE_PLAN, RESTORE_STEPS
from emu.snapshot.squib_save import SAVE_PLAN, SAVE_STEPS, STRICT_SAVE_PLAN

__all__ = [
    "RESTORE_PLAN",
    "RESTORE_STEPS",
    "SAVE_PLAN",
    "SAVE_STEPS",
    "STRICT_SAVE_PLAN",
    "Plan",
    "Snapshot",
    "Step",
    "freeze",
    "thaw",
]
