"""A GICv3 to compare others with: one record per interrupt, loops, and no cleverness.

It is written from the architecture (IHI 0069 H) and shares no code with `emu.gic`, nor any of its
register tables. Section numbers stand next to the rules. It covers what a guest can observe of a
GIC with one security state, affinity routing, 32 priorities and no LPIs: register values, the
results of acknowledging, and whether each vCPU's IRQ and FIQ inputs are asserted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

SPURIOUS = 1023

Lookup = Callable[[int], "Interrupt | None"]
"""Finds the interrupt with an INTID among those that a frame shows."""


@dataclass
class Interrupt:
    """One interrupt of one vCPU, or one SPI."""

    intid: int
    edge: bool
    group: int = 1
    enabled: bool = False
    latched: bool = False
    level: bool = False
    active: bool = False
    priority: int = 0
    route: int = 0

    def is_pending(self) -> bool:
        """4.1.2: what is latched stays; the line of a level-sensitive interrupt counts as such."""
        return self.latched or (self.level and not self.edge)


@dataclass
class Vcpu:
    """A vCPU's private interrupts and CPU interface."""

    affinity: int
    private: list[Interrupt] = field(
        default_factory=lambda: [Interrupt(intid, edge=intid < 16) for intid in range(32)]
    )
    sleeping: bool = False
    priority_mask: int = 0
    binary_point: list[int] = field(default_factory=lambda: [2, 3])
    common_binary_point: bool = False
    split_end: bool = False
    group_enabled: list[bool] = field(default_factory=lambda: [False, False])
    active_levels: list[set[int]] = field(default_factory=lambda: [set(), set()])

    def running_priority(self) -> int:
        """4.8: the highest active priority; idle is 0xFF."""
        levels = self.active_levels[0] | self.active_levels[1]
        return min(levels) * 8 if levels else 0xFF

    def group_priority(self, priority: int, group: int) -> int:
        """4.8, priority grouping: how many upper bits of a priority decide about preemption."""
        if group == 1 and not self.common_binary_point:
            width = {3: 5, 4: 4, 5: 3, 6: 2, 7: 1}[self.binary_point[1]]
        else:
            width = {2: 5, 3: 4, 4: 3, 5: 2, 6: 1, 7: 0}[self.binary_point[0]]
        return priority >> (8 - width) << (8 - width)


class ReferenceGic:
    """The whole GIC.

    Args:
        affinities: Aff3.Aff2.Aff1.Aff0 of each vCPU, laid out as in MPIDR_EL1.
        spi_count: number of SPIs.
    """

    def __init__(self, affinities: list[int], spi_count: int) -> None:
        self.vcpus = [Vcpu(affinity) for affinity in affinities]
        self.spis = [Interrupt(32 + index, edge=True) for index in range(spi_count)]
        self.group_enabled = [False, False]

    # --- signals --------------------------------------------------------------------------------

    def drive(self, vcpu: int, intid: int, high: bool) -> None:
        """Drive a line: a PPI of `vcpu`, or an SPI."""
        interrupt = self.vcpus[vcpu].private[intid] if intid < 32 else self.spis[intid - 32]
        if high and not interrupt.level and interrupt.edge:
            interrupt.latched = True
        interrupt.level = high

    def highest_pending(self, vcpu: int) -> Interrupt | None:
        """4.8: the highest priority, and of equal ones the lowest INTID."""
        interface = self.vcpus[vcpu]
        if interface.sleeping:
            return None
        best = None
        for interrupt in interface.private + self.spis:
            if interrupt.intid >= 32 and interrupt.route != interface.affinity:
                continue
            if not (interrupt.is_pending() and interrupt.enabled) or interrupt.active:
                continue
            if not self.group_enabled[interrupt.group]:
                continue
            if not interface.group_enabled[interrupt.group]:
                continue
            if best is None or interrupt.priority < best.priority:
                best = interrupt
        return best

    def signalled(self, vcpu: int) -> Interrupt | None:
        """4.8, masking and preemption: above the mask, and above what runs."""
        interface = self.vcpus[vcpu]
        interrupt = self.highest_pending(vcpu)
        if interrupt is None or interrupt.priority >= interface.priority_mask:
            return None
        running = interface.running_priority()
        if running != 0xFF:
            mine = interface.group_priority(interrupt.priority, interrupt.group)
            if mine >= interface.group_priority(running, interrupt.group):
                return None
        return interrupt

    def inputs(self, vcpu: int) -> tuple[bool, bool]:
        """4.6.2: whether the vCPU's IRQ and FIQ inputs are asserted."""
        interrupt = self.signalled(vcpu)
        if interrupt is None:
            return (False, False)
        return (interrupt.group == 1, interrupt.group == 0)

    # --- system registers (12.2) ----------------------------------------------------------------

    def read_icc(self, vcpu: int, name: str) -> int:
        """MRS of ICC_<name>_EL1."""
        if name in ("IAR0", "IAR1"):
            return self._acknowledge(vcpu, int(name[3]))
        if name in ("HPPIR0", "HPPIR1"):
            return self._highest_pending_intid(vcpu, int(name[5]))
        return self._stored_icc(self.vcpus[vcpu]).get(name, 0)

    def _stored_icc(self, interface: Vcpu) -> dict[str, int]:
        shared_point = min(interface.binary_point[0] + 1, 7)
        long_affinity = any(vcpu.affinity % 256 > 15 for vcpu in self.vcpus)
        return {
            "BPR0": interface.binary_point[0],
            "BPR1": shared_point if interface.common_binary_point else interface.binary_point[1],
            "IGRPEN0": int(interface.group_enabled[0]),
            "IGRPEN1": int(interface.group_enabled[1]),
            "AP0R0": sum(2**level for level in interface.active_levels[0]),
            "AP1R0": sum(2**level for level in interface.active_levels[1]),
            "PMR": interface.priority_mask,
            "RPR": interface.running_priority(),
            "CTLR": 0x8400
            + (0x40000 if long_affinity else 0)
            + (2 if interface.split_end else 0)
            + (1 if interface.common_binary_point else 0),
            "SRE": 7,
        }

    def write_icc(self, vcpu: int, name: str, value: int) -> None:
        """MSR of ICC_<name>_EL1."""
        if name in ("EOIR0", "EOIR1"):
            self._end(vcpu, int(name[4]), value % 2**24)
        elif name == "DIR" and self.vcpus[vcpu].split_end:
            self._deactivate(vcpu, value % 2**24)
        elif name in ("SGI0R", "SGI1R", "ASGI1R"):
            self._send_sgi(vcpu, value, reaches_group_1=name == "SGI1R")
        else:
            self._store_icc(self.vcpus[vcpu], name, value)

    def _store_icc(self, interface: Vcpu, name: str, value: int) -> None:
        if name == "BPR0":
            interface.binary_point[0] = max(2, value % 8)
        elif name == "BPR1" and not interface.common_binary_point:
            interface.binary_point[1] = max(3, value % 8)
        elif name in ("IGRPEN0", "IGRPEN1"):
            interface.group_enabled[int(name[6])] = value % 2 == 1
        elif name in ("AP0R0", "AP1R0"):
            interface.active_levels[int(name[2])] = {n for n in range(32) if value >> n & 1}
        elif name == "PMR":
            interface.priority_mask = value % 256 // 8 * 8
        elif name == "CTLR":
            interface.common_binary_point = value % 2 == 1
            interface.split_end = value // 2 % 2 == 1

    def _highest_pending_intid(self, vcpu: int, group: int) -> int:
        interrupt = self.highest_pending(vcpu)
        return interrupt.intid if interrupt and interrupt.group == group else SPURIOUS

    def _acknowledge(self, vcpu: int, group: int) -> int:
        """4.1.1: the signalled interrupt becomes active, if it is in the register's group."""
        interface = self.vcpus[vcpu]
        interrupt = self.signalled(vcpu)
        if interrupt is None or interrupt.group != group:
            return SPURIOUS
        interrupt.latched = False
        interrupt.active = True
        level = interface.group_priority(interrupt.priority, group) // 8
        interface.active_levels[group].add(level)
        return interrupt.intid

    def _end(self, vcpu: int, group: int, intid: int) -> None:
        """4.1.1: priority drop of the highest active priority, which must be of this group."""
        interface = self.vcpus[vcpu]
        if self._interrupt(vcpu, intid) is None or not interface.active_levels[group]:
            return
        mine = min(interface.active_levels[group])
        others = interface.active_levels[1 - group]
        if others and (min(others) < mine or (min(others) == mine and group == 1)):
            return
        interface.active_levels[group].remove(mine)
        if not interface.split_end:
            self._deactivate(vcpu, intid)

    def _deactivate(self, vcpu: int, intid: int) -> None:
        interrupt = self._interrupt(vcpu, intid)
        if interrupt is not None:
            interrupt.active = False

    def _interrupt(self, vcpu: int, intid: int) -> Interrupt | None:
        if intid < 32:
            return self.vcpus[vcpu].private[intid]
        return self.spis[intid - 32] if intid - 32 < len(self.spis) else None

    def _send_sgi(self, sender: int, value: int, *, reaches_group_1: bool) -> None:
        """ICC_SGI1R_EL1: target list within a cluster, or all but self."""
        intid = value >> 24 & 15
        for index, target in enumerate(self.vcpus):
            if value >> 40 & 1:
                chosen = index != sender
            else:
                chosen = (
                    target.affinity >> 32 & 255 == value >> 48 & 255
                    and target.affinity >> 16 & 255 == value >> 32 & 255
                    and target.affinity >> 8 & 255 == value >> 16 & 255
                    and target.affinity >> 4 & 15 == value >> 44 & 15
                    and value >> (target.affinity & 15) & 1 == 1
                )
            interrupt = target.private[intid]
            if chosen and (interrupt.group == 0 or reaches_group_1):
                interrupt.latched = True

    # --- memory-mapped registers (12.9 and 12.11) -------------------------------------------------

    def read_gicd(self, offset: int, size: int) -> int:
        """A load from the distributor's frame."""
        if 0x6100 <= offset < 0x6100 + 8 * len(self.spis):
            return _part(self.spis[(offset - 0x6100) // 8].route, offset % 8, size)
        if size == 4 and offset in (0x0000, 0x0004, 0x0008, 0x0010, 0xFFE8):
            return {
                0x0000: 0x50 + self.group_enabled[0] + 2 * self.group_enabled[1],
                0x0004: self._gicd_typer(),
                0x0008: 0x4B00_343B,
                0x0010: 0xFFFF_FFFF,
                0xFFE8: 0x3B,
            }[offset]
        return _read_interrupts(self._spi, offset, size)

    def write_gicd(self, offset: int, size: int, value: int) -> None:
        """A store to the distributor's frame."""
        if 0x6100 <= offset < 0x6100 + 8 * len(self.spis):
            spi = self.spis[(offset - 0x6100) // 8]
            # Interrupt_Routing_Mode, bit 31, is not implemented.
            spi.route = _with_part(spi.route, offset % 8, size, value) & 0xFF_00FF_FFFF
        elif size == 4 and offset == 0:
            self.group_enabled = [value & 1 != 0, value & 2 != 0]
        else:
            _write_interrupts(self._spi, offset, size, value)

    def read_gicr(self, vcpu: int, offset: int, size: int) -> int:
        """A load from a redistributor's frames."""
        if 8 <= offset < 16:
            return _part(self._gicr_typer(vcpu), offset % 8, size)
        if offset >= 0x10000:
            return _read_interrupts(self._private_of(vcpu), offset - 0x10000, size)
        if size != 4:
            return 0
        waker = 6 if self.vcpus[vcpu].sleeping else 0
        return {0x0000: 6, 0x0004: 0x4B00_043B, 0x0014: waker, 0xFFE8: 0x3B}.get(offset, 0)

    def write_gicr(self, vcpu: int, offset: int, size: int, value: int) -> None:
        """A store to a redistributor's frames."""
        if offset >= 0x10000:
            _write_interrupts(self._private_of(vcpu), offset - 0x10000, size, value)
        elif offset == 0x0014 and size == 4:
            self.vcpus[vcpu].sleeping = value & 2 != 0

    def _spi(self, intid: int) -> Interrupt | None:
        return self.spis[intid - 32] if 32 <= intid < 32 + len(self.spis) else None

    def _private_of(self, vcpu: int) -> Lookup:
        private = self.vcpus[vcpu].private
        return lambda intid: private[intid] if intid < 32 else None

    def _gicd_typer(self) -> int:
        lines = 0
        while 32 * (lines + 1) < 32 + len(self.spis):
            lines += 1
        long_affinity = any(vcpu.affinity % 256 > 15 for vcpu in self.vcpus)
        return lines + 9 * 2**19 + 2**24 + 2**25 + (2**26 if long_affinity else 0)

    def _gicr_typer(self, vcpu: int) -> int:
        affinity = self.vcpus[vcpu].affinity
        packed = affinity % 2**24 + affinity // 2**32 * 2**24
        last = 16 if vcpu == len(self.vcpus) - 1 else 0
        return packed * 2**32 + vcpu * 2**8 + last


def _part(value: int, byte: int, size: int) -> int:
    """A load from a 64-bit register: all of it, or one half."""
    if (byte, size) == (0, 8):
        return value
    return value >> 8 * byte & 0xFFFF_FFFF if size == 4 else 0


def _with_part(value: int, byte: int, size: int, new: int) -> int:
    """A store to a 64-bit register: all of it, or one half."""
    if (byte, size) == (0, 8):
        return new
    if size != 4:
        return value
    return (value & 0xFFFF_FFFF) + (new << 32) if byte == 4 else (value >> 32 << 32) + new


def _read_interrupts(find: Lookup, offset: int, size: int) -> int:
    """A load from the registers that distributor and redistributors have in common."""
    total = 0
    if 0x400 <= offset < 0x7FC:
        for byte in range(size if size in (1, 4) else 0):
            interrupt = find(offset - 0x400 + byte)
            total += interrupt.priority << 8 * byte if interrupt else 0
    elif size == 4 and 0xC00 <= offset < 0xD00:
        for n in range(16):
            interrupt = find((offset - 0xC00) * 4 + n)
            total += 2 << 2 * n if interrupt and interrupt.edge else 0
    elif size == 4 and 0x080 <= offset < 0x400:
        for n in range(32):
            interrupt = find(offset % 0x80 * 8 + n)
            total += _flag(interrupt, offset // 0x80) << n if interrupt else 0
    return total


def _flag(interrupt: Interrupt, kind: int) -> int:
    """The bit that IGROUPR, I[SC]ENABLER, I[SC]PENDR and I[SC]ACTIVER, in this order, show."""
    return int(
        {
            1: interrupt.group == 1,
            2: interrupt.enabled,
            3: interrupt.enabled,
            4: interrupt.is_pending(),
            5: interrupt.is_pending(),
            6: interrupt.active,
            7: interrupt.active,
        }[kind]
    )


def _write_interrupts(find: Lookup, offset: int, size: int, value: int) -> None:
    """A store to the registers that distributor and redistributors have in common."""
    if 0x400 <= offset < 0x7FC:
        for byte in range(size if size in (1, 4) else 0):
            if interrupt := find(offset - 0x400 + byte):
                interrupt.priority = (value >> 8 * byte) % 256 // 8 * 8
    elif size == 4 and 0xC00 <= offset < 0xD00:
        for n in range(16):
            interrupt = find((offset - 0xC00) * 4 + n)
            if interrupt and interrupt.intid >= 16:
                interrupt.edge = value >> (2 * n + 1) & 1 == 1
    elif size == 4 and 0x080 <= offset < 0x400:
        for n in range(32):
            if interrupt := find(offset % 0x80 * 8 + n):
                _write_flag(interrupt, offset // 0x80, value >> n & 1)


def _write_flag(interrupt: Interrupt, kind: int, bit: int) -> None:
    if kind == 1:
        interrupt.group = bit
    elif bit and kind in (2, 3):
        interrupt.enabled = kind == 2
    elif bit and kind in (4, 5):
        interrupt.latched = kind == 4
    elif bit and kind in (6, 7):
        interrupt.active = kind == 6
