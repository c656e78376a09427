"""v1.11 and v1.12: the memory regions are part of the VM.

Source: Firecracker v1.11.0 and v1.12.0, `src/vmm/src/persist.rs`.
"""

from __future__ import annotations

from typing import Final

from emu.inspect.convert.rules import Step, moved

STEP: Final[Step] = (moved("memory_state", "vm_state.memory"),)
