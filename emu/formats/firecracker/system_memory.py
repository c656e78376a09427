"""What Firecracker keeps for the guest in the first 2 MiB of guest memory.

Source: `src/vmm/src/devices/acpi/vmgenid.rs`, `devices/acpi/vmclock.rs` and
`arch/aarch64/vcpu.rs` of Firecracker v1.16.1. The addresses are handed out from
`emu.formats.firecracker.resources.SYSTEM_MEMORY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from emu.arch import vmclock

VMGENID_SIZE_BYTES: Final = 16
VMGENID_ALIGNMENT_BYTES: Final = 8

VMCLOCK_SIZE_BYTES: Final = vmclock.PAGE_SIZE_BYTES
VMCLOCK_WRITTEN_SIZE_BYTES: Final = vmclock.VMCLOCK_ABI_SIZE_BYTES
"""`struct vmclock_abi`; the rest of its page is not written."""

VMCLOCK_AT_BOOT: Final[Mapping[str, Any]] = vmclock.unpack(vmclock.pack(vmclock.AT_BOOT))
"""`VmClock::new`: the fields of `vmclock_abi`."""
