"""PL031 real-time clock, Firecracker's.

It is the one of rust-vmm's crate `vm-superio`, which Firecracker v1.9 to its main branch take as
0.8.0 or 0.8.1 (both behave alike). Sources: that crate's `rtc_pl031.rs`; Firecracker's
`src/vmm/src/devices/legacy/rtc_pl031.rs`, v1.9.0 to v1.16.1. Where it is not what Arm's manual
(DDI 0224C) says:

* The clock always runs: it shows the host's wall clock, and an offset that a write of LR sets. If
  their sum does not fit 32 bits, it shows the host's.
* The match register is kept and never compared: the interrupt is never raised, and has no line.
* CR reads as 1; a write of 1, and of nothing else, sets LR and the offset to zero. Linux does so
  when it finds the clock.

Firecracker answers accesses of four bytes. Of others, and of reads where there is no register or
only one to write, it leaves the vCPU's buffer as it is, so that a guest reads what its last MMIO
access left there: here that is 0.

No snapshot of Firecracker's has this device's state. A restored machine has a clock as it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from emu.arch.pl031 import IDENTIFICATION, PL031, RTCCR, RTCINT
from emu.errors import IncompatibleError

_WORD: Final = 0xFFFF_FFFF

_FIELDS: Final = {"MR": "mr", "LR": "lr", "IMSC": "imsc", "RIS": "ris"}
"""Where the state has each register."""


@dataclass(slots=True, kw_only=True)
class Pl031State:
    """All of the clock's state (`RtcState` of the crate); the defaults are those of one that is
    made.

    Attributes:
        lr: RTCLR, 32 bits.
        offset: seconds from the host's wall clock to the guest's, signed, 64 bits.
        mr: RTCMR, 32 bits.
        imsc: RTCIMSC, 32 bits, of which a guest sets one.
        ris: RTCRIS, 32 bits; no guest sets any.
    """

    lr: int = 0
    offset: int = 0
    mr: int = 0
    imsc: int = 0
    ris: int = 0

    def check(self) -> None:
        """Raise `IncompatibleError` for a value that the clock can't hold."""
        for register, name in _FIELDS.items():
            value = getattr(self, name)
            if not 0 <= value <= _WORD:
                raise IncompatibleError(
                    f"PL031 state: {name} is {value:#x}, and RTC{register} has 32 bits"
                )
        if not -(1 << 63) <= self.offset < 1 << 63:
            raise IncompatibleError(f"PL031 state: offset is {self.offset}, and it has 64 bits")


class Pl031:
    """The clock in its MMIO window of 4 KiB. Registers are 32 bits wide.

    Args:
        unix_time_s: the host's wall clock, in seconds since 1970.
    """

    def __init__(self, unix_time_s: Callable[[], int]) -> None:
        self._unix_time_s = unix_time_s
        self._state = Pl031State()

    def state(self) -> Pl031State:
        """A copy of the device's state."""
        return replace(self._state)

    def load_state(self, state: Pl031State) -> None:
        """Become `state`.

        Raises:
            IncompatibleError: `state` has a value that the clock can't hold.
        """
        state.check()
        self._state = replace(state)

    def read(self, offset: int, size: int, /) -> int:
        """Load `size` bytes, which are 4."""
        found = PL031.find(offset)
        if found is None or size != 4:
            return 0
        slot, index, _ = found
        return self._read_register(slot.name, index)

    def write(self, offset: int, size: int, value: int, /) -> None:
        """Store `size` bytes, which are 4."""
        found = PL031.find(offset)
        if found is not None and size == 4:
            self._write_register(found[0].name, value)

    def _read_register(self, name: str, index: int) -> int:
        match name:
            case "DR":
                return self._time_s()
            case "CR":
                return RTCCR.RTC_start.mask
            case "MIS":
                return self._state.ris & self._state.imsc
            case "ICR":
                return 0
            case "ID":
                return IDENTIFICATION[index]
            case _:
                value: int = getattr(self._state, _FIELDS[name])
                return value

    def _write_register(self, name: str, value: int) -> None:
        s = self._state
        match name:
            case "MR":
                s.mr = value
            case "LR":
                s.lr, s.offset = value, value - self._host_time_s()
            case "CR":
                if value == RTCCR.RTC_start.mask:
                    s.lr, s.offset = 0, 0
            case "IMSC":
                s.imsc = value & RTCINT.match.mask
            case "ICR":
                s.ris &= ~value

    def _host_time_s(self) -> int:
        return self._unix_time_s() & _WORD

    def _time_s(self) -> int:
        host_time_s = self._host_time_s()
        time_s = host_time_s + self._state.offset
        return time_s if 0 <= time_s <= _WORD else host_time_s
