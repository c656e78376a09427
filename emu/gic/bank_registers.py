"""The registers that show a bank of interrupts (IHI 0069, 12.9 and 12.11), as data.

Distributor and redistributors have the same ones, so they are written once, here: as the guest
finds them (`VIEWS`), and as KVM lets a VMM find them (`USER_VIEWS`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from emu.arch.gicv3 import PRIORITY_MASK
from emu.gic.frame import Reader, Writer
from emu.gic.interrupts import InterruptBank, indices


class View(NamedTuple):
    """How one kind of register shows a bank.

    Attributes:
        interrupts: how many interrupts one 32-bit register shows.
        read: value of the register whose first interrupt has the given index in the bank.
        write: store into that register.
    """

    interrupts: int
    read: Callable[[InterruptBank, int], int]
    write: Callable[[InterruptBank, int, int], None]


def _shown(field: str) -> Callable[[InterruptBank, int], int]:
    def read(bank: InterruptBank, start: int) -> int:
        value: int = getattr(bank, field)
        return value >> start & 0xFFFF_FFFF

    return read


def _replaced(field: str) -> Callable[[InterruptBank, int, int], None]:
    def write(bank: InterruptBank, start: int, value: int) -> None:
        setattr(bank, field, getattr(bank, field) & ~(0xFFFF_FFFF << start) | value << start)

    return write


def _set(field: str) -> Callable[[InterruptBank, int, int], None]:
    def write(bank: InterruptBank, start: int, value: int) -> None:
        setattr(bank, field, getattr(bank, field) | value << start)

    return write


def _cleared(field: str) -> Callable[[InterruptBank, int, int], None]:
    def write(bank: InterruptBank, start: int, value: int) -> None:
        setattr(bank, field, getattr(bank, field) & ~(value << start))

    return write


def _read_zero(_bank: InterruptBank, _start: int) -> int:
    return 0


def _ignore(_bank: InterruptBank, _start: int, _value: int) -> None:
    pass


def _read_priorities(bank: InterruptBank, start: int) -> int:
    return int.from_bytes(bank.priority[start : start + 4], "little")


def _write_priorities(bank: InterruptBank, start: int, value: int) -> None:
    fields = (value & (PRIORITY_MASK * 0x0101_0101)).to_bytes(4, "little")
    bank.priority[start : start + 4] = fields[: bank.count - start]


def _read_configuration(bank: InterruptBank, start: int) -> int:
    return sum(0b10 << 2 * index for index in indices(bank.edge >> start & 0xFFFF))


def _write_configuration(bank: InterruptBank, start: int, value: int) -> None:
    edge = sum(1 << index for index in range(16) if value >> 2 * index & 0b10)
    bank.edge = bank.edge & ~(0xFFFF << start) | edge << start


VIEWS = {
    "IGROUPR": View(32, _shown("group"), _replaced("group")),
    "ISENABLER": View(32, _shown("enabled"), _set("enabled")),
    "ICENABLER": View(32, _shown("enabled"), _cleared("enabled")),
    "ISPENDR": View(32, _shown("pending"), _set("latch")),
    "ICPENDR": View(32, _shown("pending"), _cleared("latch")),
    "ISACTIVER": View(32, _shown("active"), _set("active")),
    "ICACTIVER": View(32, _shown("active"), _cleared("active")),
    "IPRIORITYR": View(4, _read_priorities, _write_priorities),
    "ICFGR": View(16, _read_configuration, _write_configuration),
}
"""The registers of a bank, by the name that follows GICD_ or GICR_ (IHI 0069, 12.9 and 12.11)."""

USER_VIEWS = {
    **VIEWS,
    "ISPENDR": View(32, _shown("latch"), _replaced("latch")),
    "ICPENDR": View(32, _read_zero, _ignore),
}
"""The same registers as KVM shows them to a VMM: the latches without the lines, and a write of them
sets and clears (vgic_v3_dist_registers and vgic_v3_rd_registers in
arch/arm64/kvm/vgic/vgic-mmio-v3.c, Linux 6.1; Documentation/virt/kvm/devices/arm-vgic-v3.rst)."""


def readers(
    bank: InterruptBank, prefix: str, suffix: str = "", views: Mapping[str, View] = VIEWS
) -> dict[str, Reader]:
    """Read functions of a bank's registers, by `prefix` + name + `suffix`."""
    return {f"{prefix}{name}{suffix}": partial(_read, bank, view) for name, view in views.items()}


def writers(bank: InterruptBank, prefix: str, suffix: str = "") -> dict[str, Writer]:
    """Write functions of a bank's registers, for the guest."""
    return {f"{prefix}{name}{suffix}": partial(_write, bank, view) for name, view in VIEWS.items()}


def user_writers(bank: InterruptBank, prefix: str, suffix: str = "") -> dict[str, Writer]:
    """Write functions of a bank's registers, for a VMM.

    They report no interrupt as pending: nothing has happened to the guest.
    """
    return {
        f"{prefix}{name}{suffix}": partial(_load, bank, view) for name, view in USER_VIEWS.items()
    }


def _read(bank: InterruptBank, view: View, index: int) -> int:
    start = index * view.interrupts - bank.first_intid
    return view.read(bank, start) if 0 <= start < bank.count else 0


def _write(bank: InterruptBank, view: View, index: int, value: int) -> None:
    _store(bank, view, index, value, bank.pending)


def _load(bank: InterruptBank, view: View, index: int, value: int) -> None:
    _store(bank, view, index, value, None)


def _store(
    bank: InterruptBank, view: View, index: int, value: int, pending_before: int | None
) -> None:
    start = index * view.interrupts - bank.first_intid
    if 0 <= start < bank.count:
        view.write(bank, start, value)
        bank.stored(((1 << view.interrupts) - 1) << start, pending_before)
