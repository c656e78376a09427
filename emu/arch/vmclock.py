"""VMClock: what the numbers in its structure mean.

Source: Linux `include/uapi/linux/vmclock-abi.h`, as in
`src/vmm/src/devices/acpi/generated/vmclock_abi.rs` of Firecracker v1.16.1.
"""

from __future__ import annotations

from emu.arch.bits import Register, bit, bits


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


LAYOUTS: dict[str, type[Register]] = {
    "seq_count": SequenceCount,
    "flags": VmClockFlags,
    "counter_id": CounterId,
    "time_type": TimeType,
    "clock_status": ClockStatus,
    "leap_indicator": LeapIndicator,
}
"""Layouts by the name of the field in `struct vmclock_abi`."""
