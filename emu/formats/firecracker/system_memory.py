"""What Firecracker keeps for the guest in the first 2 MiB of guest memory.

Source: `src/vmm/src/devices/acpi/vmgenid.rs`, `devices/acpi/vmclock.rs` and
`arch/aarch64/vcpu.rs` of Firecracker v1.16.1. The addresses are handed out from
`emu.formats.firecracker.resources.SYSTEM_MEMORY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from emu.arch.vmclock import VmClockFlags

VMGENID_SIZE_BYTES: Final = 16
VMGENID_ALIGNMENT_BYTES: Final = 8

VMCLOCK_SIZE_BYTES: Final = 0x1000
VMCLOCK_WRITTEN_SIZE_BYTES: Final = 112
"""`struct vmclock_abi`; the rest of its page is not written."""

STOLEN_TIME_SIZE_BYTES: Final = 64
"""`STEALTIME_STRUCT_MEM_SIZE`, of one vCPU."""

VMCLOCK_AT_BOOT: Final[Mapping[str, Any]] = {
    "magic": int.from_bytes(b"VCLK", "little"),
    "size": VMCLOCK_SIZE_BYTES,
    "version": 1,
    "counter_id": 0xFF,  # invalid: there is no time in it
    "time_type": 0,
    "seq_count": 0,
    "disruption_marker": 0,
    "flags": VmClockFlags().replace(VM_GEN_COUNTER_PRESENT=1, NOTIFICATION_PRESENT=1).value,
    "pad": [0, 0],
    "clock_status": 0,
    "leap_second_smearing_hint": 0,
    "tai_offset_sec": 0,
    "leap_indicator": 0,
    "counter_period_shift": 0,
    "counter_value": 0,
    "counter_period_frac_sec": 0,
    "counter_period_esterror_rate_frac_sec": 0,
    "counter_period_maxerror_rate_frac_sec": 0,
    "time_sec": 0,
    "time_frac_sec": 0,
    "time_esterror_nanosec": 0,
    "time_maxerror_nanosec": 0,
    "vm_generation_counter": 0,
}
"""`VmClock::new`: the fields of `vmclock_abi`."""
