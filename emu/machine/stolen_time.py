"""Stolen time: for how long each vCPU could have run, and its host ran something else.

A monitor says where a vCPU's record is, in guest RAM; the guest asks for that place, and from then
on reads there what was stolen. All vCPUs of a machine here take turns on one thread, in one virtual
time, so nothing is stolen from any, unless a user has the host do so.

Sources: Arm DEN 0057 A; pvtime.c in arch/arm64/kvm of Linux 6.1. What was stolen is kept nowhere
but in the record, so that a snapshot carries it with the RAM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from emu.arch.pvtime import (
    STOLEN_TIME,
    STOLEN_TIME_ALIGNMENT,
    STOLEN_TIME_FIELD_SIZE_BYTES,
    STOLEN_TIME_OFFSET,
    STOLEN_TIME_SIZE_BYTES,
)
from emu.arch.smccc import Function, Status
from emu.core.ports import GuestMemory
from emu.errors import BoardError
from emu.machine.call import Call, Handler

_NS_PER_S: Final = 1_000_000_000
_FIELD_MASK: Final = (1 << 8 * STOLEN_TIME_FIELD_SIZE_BYTES) - 1


class StolenTime:
    """The stolen time of a machine's vCPUs, which are named by their indices.

    Args:
        ram: where the records are.
        cycles_per_s: cycles of virtual time in one second.
        let_pass: lets so many cycles pass in which no vCPU runs; the indices of those that could
            have run.
    """

    def __init__(
        self, ram: GuestMemory, cycles_per_s: int, let_pass: Callable[[int], Iterable[int]]
    ) -> None:
        self._ram = ram
        self._cycles_per_s = cycles_per_s
        self._let_pass = let_pass
        self._records: dict[int, int] = {}

    @property
    def handlers(self) -> Mapping[int, Handler]:
        """What carries out each function."""
        return {Function.PV_TIME_FEATURES: self._features, Function.PV_TIME_ST: self._begin}

    def address(self, vcpu: int) -> int | None:
        """The guest-physical address of a vCPU's record, None if it has none."""
        return self._records.get(vcpu)

    def place(self, vcpu: int, address: int) -> None:
        """Say where a vCPU's record is. It is written when the guest asks, or time is stolen.

        Raises:
            BoardError: the address is not a multiple of 64.
            GuestError: the record would not be all in RAM.
        """
        if address % STOLEN_TIME_ALIGNMENT:
            raise BoardError(
                f"the record of stolen time of vCPU {vcpu} at {address:#x}; expected a multiple of "
                f"{STOLEN_TIME_ALIGNMENT}"
            )
        self._ram.read(address, STOLEN_TIME_SIZE_BYTES)
        self._records[vcpu] = address

    def steal(self, cycles: int) -> None:
        """Let the host run something else for so many cycles, between two runs of the machine.

        Time passes, timers and devices follow it, and what could have run is told that it was kept
        from it. A vCPU that waits, or is off, at the beginning is not.

        Raises:
            MachineError: virtual time would end before.
        """
        stolen_ns = cycles * _NS_PER_S // self._cycles_per_s
        for vcpu in self._let_pass(cycles):
            if vcpu in self._records:
                self._add(self._records[vcpu] + STOLEN_TIME_OFFSET, stolen_ns)

    def _add(self, address: int, stolen_ns: int) -> None:
        size = STOLEN_TIME_FIELD_SIZE_BYTES
        stolen = int.from_bytes(self._ram.read(address, size), "little") + stolen_ns
        self._ram.write(address, (stolen & _FIELD_MASK).to_bytes(size, "little"))

    def _features(self, call: Call) -> int:
        """PV_TIME_FEATURES: whether there is a function, for the vCPU that asks."""
        is_there = call.argument(1) in self.handlers and call.vcpu.index in self._records
        return Status.SUCCESS if is_there else Status.NOT_SUPPORTED

    def _begin(self, call: Call) -> int:
        """PV_TIME_ST: clear the record of the vCPU that asks, and say where it is."""
        address = self._records.get(call.vcpu.index)
        if address is None:
            return Status.NOT_SUPPORTED
        self._ram.write(address, STOLEN_TIME.pack(0, 0, 0))
        return address
