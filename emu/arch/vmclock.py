"""VMClock: its structure in guest memory, and what the numbers in it mean.

Source: Linux `include/uapi/linux/vmclock-abi.h`, as in
`src/vmm/src/devices/acpi/generated/vmclock_abi.rs` of Firecracker v1.15.0 to its main branch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from emu.arch.bits import Register, RegisterMap, Slot, bit, bits


class VmClockFlags(Register):
    """Which of the fields mean something."""

    NOTIFICATION_PRESENT = bit(9)
    VM_GEN_COUNTER_PRESENT = bit(8)
    TIME_MONOTONIC = bit(7)
    TIME_MAXERROR_VALID = bit(6)
    TIME_ESTERROR_VALID = bit(5)
    PERIOD_MAXERROR_VALID = bit(4)
    PERIOD_ESTERROR_VALID = bit(3)
    DISRUPTION_IMMINENT = bit(2)
    DISRUPTION_SOON = bit(1)
    TAI_OFFSET_VALID = bit(0)


class CounterId(Register):
    """What the counter value counts."""

    counter = bits(7, 0, {0: "CNTVCT_EL0", 1: "x86 TSC", 0xFF: "invalid"})


class TimeType(Register):
    """Time scale."""

    scale = bits(7, 0, {0: "UTC", 1: "TAI", 2: "monotonic", 3: "smeared", 4: "maybe smeared"})


class ClockStatus(Register):
    """Whether the clock keeps time."""

    state = bits(
        7,
        0,
        {0: "unknown", 1: "initialising", 2: "synchronised", 3: "free-running", 4: "unreliable"},
    )


class LeapIndicator(Register):
    """Leap second at the end of this month, or of the last one."""

    leap = bits(
        7,
        0,
        {0: "none", 1: "to add", 2: "to drop", 3: "adding", 4: "added", 5: "dropped"},
    )


class SequenceCount(Register):
    """Odd while the rest is being changed."""

    changing = bit(0)


MAGIC: Final = int.from_bytes(b"VCLK", "little")

COUNTER_INVALID: Final = 0xFF
"""`counter_id` of a structure that has no time in it."""

VMCLOCK_ABI: Final = RegisterMap(
    "vmclock_abi",
    Slot(0, "magic"),
    Slot(4, "size"),
    Slot(8, "version", size_bytes=2),
    Slot(10, "counter_id", size_bytes=1, layout=CounterId),
    Slot(11, "time_type", size_bytes=1, layout=TimeType),
    Slot(12, "seq_count", layout=SequenceCount),
    Slot(16, "disruption_marker", size_bytes=8),
    Slot(24, "flags", size_bytes=8, layout=VmClockFlags),
    Slot(32, "pad", size_bytes=1, count=2),
    Slot(34, "clock_status", size_bytes=1, layout=ClockStatus),
    Slot(35, "leap_second_smearing_hint", size_bytes=1),
    Slot(36, "tai_offset_sec", size_bytes=2),
    Slot(38, "leap_indicator", size_bytes=1, layout=LeapIndicator),
    Slot(39, "counter_period_shift", size_bytes=1),
    Slot(40, "counter_value", size_bytes=8),
    Slot(48, "counter_period_frac_sec", size_bytes=8),
    Slot(56, "counter_period_esterror_rate_frac_sec", size_bytes=8),
    Slot(64, "counter_period_maxerror_rate_frac_sec", size_bytes=8),
    Slot(72, "time_sec", size_bytes=8),
    Slot(80, "time_frac_sec", size_bytes=8),
    Slot(88, "time_esterror_nanosec", size_bytes=8),
    Slot(96, "time_maxerror_nanosec", size_bytes=8),
    Slot(104, "vm_generation_counter", size_bytes=8),
)
"""`struct vmclock_abi`, little-endian; `pad` is two bytes, all else is one number."""

VMCLOCK_ABI_SIZE_BYTES: Final = VMCLOCK_ABI.slots[-1].end

PAGE_SIZE_BYTES: Final = 0x1000
"""Firecracker's `VMCLOCK_SIZE`: of guest memory, a page is for the structure."""

LAYOUTS: Final = {slot.name: slot.layout for slot in VMCLOCK_ABI.slots if slot.layout is not None}
"""Layouts by the name of the field in `struct vmclock_abi`."""

Values = Mapping[str, int | Sequence[int]]
"""Fields of `struct vmclock_abi` by name; several numbers where there are several."""

AT_BOOT: Final[Values] = {
    "magic": MAGIC,
    "size": PAGE_SIZE_BYTES,
    "version": 1,
    "counter_id": COUNTER_INVALID,
    "flags": int(VmClockFlags().replace(VM_GEN_COUNTER_PRESENT=1, NOTIFICATION_PRESENT=1)),
}
"""What Firecracker's `VmClock::new` puts there; the rest is zero. It has no time in it."""


def pack(values: Values) -> bytes:
    """The structure with these values; fields that are not given are zero.

    >>> pack({"magic": MAGIC, "version": 1})[:10].hex(" ", 2)
    '5643 4c4b 0000 0000 0100'
    """
    return b"".join(_packed(slot, values.get(slot.name, 0)) for slot in VMCLOCK_ABI.slots)


def unpack(data: bytes) -> dict[str, int | tuple[int, ...]]:
    """All fields of a structure, in its order."""
    return {slot.name: _unpacked(slot, data[slot.offset : slot.end]) for slot in VMCLOCK_ABI.slots}


def _packed(slot: Slot, value: int | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return value.to_bytes(slot.size_bytes * slot.count, "little")
    return b"".join(number.to_bytes(slot.size_bytes, "little") for number in value)


def _unpacked(slot: Slot, data: bytes) -> int | tuple[int, ...]:
    size = slot.size_bytes
    numbers = [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]
    return numbers[0] if slot.count == 1 else tuple(numbers)
