"""A bank of interrupts: what happens to an interrupt whatever register or line it comes from.

The SPIs of the distributor are one bank; the SGIs and PPIs of each redistributor are another.

Each property of the interrupts is one integer with a bit per interrupt, so that finding what is to
be signalled takes a few integer operations however many interrupts there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from emu.arch.gicv3 import INTID_SPURIOUS, PRIORITY_MASK
from emu.core.events import EventStream, IrqPended
from emu.gic.state import BankState

Ranked = tuple[int, int]
"""Priority and INTID: of two pending interrupts the smaller tuple is signalled first."""

NOTHING: Ranked = (0x100, INTID_SPURIOUS)
"""Ranks below every interrupt, as no 8-bit priority is that low."""

GROUP_0, GROUP_1 = 0b01, 0b10
"""Bits of a set of interrupt groups, as in GICD_CTLR."""


class Interrupts(Protocol):
    """Interrupts as a CPU interface finds them: an `InterruptBank`, or anything that has INTIDs."""

    def __contains__(self, intid: int) -> bool:
        """Whether it has this INTID."""

    def highest(self, groups: int, candidates: int) -> Ranked:
        """Of `candidates` that are in `groups`, the one to signal first."""

    def group_of(self, intid: int) -> int:
        """0 or 1."""

    def acknowledge(self, intid: int) -> None:
        """The vCPU has taken the interrupt."""

    def deactivate(self, intid: int) -> bool:
        """The vCPU is done with the interrupt. Whether it was active."""


def every_interrupt() -> int:
    """All interrupts of a bank are candidates."""
    return -1


@dataclass(frozen=True, slots=True)
class Source:
    """Interrupts that may be signalled to one vCPU.

    Attributes:
        interrupts: a bank.
        candidates: the bits of those that go to the vCPU.
    """

    interrupts: Interrupts
    candidates: Callable[[], int] = every_interrupt

    def highest(self, groups: int) -> Ranked:
        """The interrupt to signal first."""
        return self.interrupts.highest(groups, self.candidates())


class InterruptBank:
    """Interrupts with consecutive INTIDs.

    Args:
        first_intid: INTID of bit 0.
        reset: state after a reset; the length of its `priority` is the number of interrupts.
        vcpu: index of the vCPU that the interrupts are private to; None for SPIs.
        changed: called after a change, with the bits of the interrupts that may have changed.
        lineless: bits of the interrupts that have no line and are always edge-triggered: SGIs.

    Attributes:
        count: number of interrupts.
        group: set for group 1.
        enabled: set if forwarded.
        latch: pending because of an edge, an SGI or a register write.
        line: levels of the input lines.
        active: acknowledged and not yet deactivated.
        edge: set for edge-triggered, clear for level-sensitive.
        priority: one byte per interrupt, of which the upper five bits are implemented.
    """

    __slots__ = (
        "_changed",
        "_events",
        "_implemented",
        "_lineless",
        "_vcpu",
        "active",
        "count",
        "edge",
        "enabled",
        "first_intid",
        "group",
        "latch",
        "line",
        "priority",
    )

    group: int
    enabled: int
    latch: int
    line: int
    active: int
    edge: int
    priority: bytearray

    def __init__(
        self,
        first_intid: int,
        reset: BankState,
        *,
        events: EventStream,
        vcpu: int | None,
        changed: Callable[[int], None],
        lineless: int = 0,
    ) -> None:
        self.first_intid = first_intid
        self.count = len(reset.priority)
        self._implemented = (1 << self.count) - 1
        self._lineless = lineless
        self._events = events
        self._vcpu = vcpu
        self._changed = changed
        self.line = 0
        self.load_state(reset)

    def __contains__(self, intid: int) -> bool:
        return 0 <= intid - self.first_intid < self.count

    @property
    def pending(self) -> int:
        """Latched, or level-sensitive with the line high (IHI 0069, 4.1.2)."""
        return self.latch | (self.line & ~self.edge)

    # --- what the rest of the GIC does with interrupts ----------------------------------------

    def highest(self, groups: int, candidates: int) -> Ranked:
        """The interrupt to signal first: enabled, pending, not active, and in `groups`.

        Of equal priorities the lowest INTID comes first, which the architecture leaves open.
        """
        ready = (self.latch | self.line & ~self.edge) & self.enabled & ~self.active & candidates
        if not groups & GROUP_0:
            ready &= self.group
        if not groups & GROUP_1:
            ready &= ~self.group
        best = NOTHING
        while ready:
            index = (ready & -ready).bit_length() - 1
            ready &= ready - 1
            if self.priority[index] < best[0]:
                best = (self.priority[index], self.first_intid + index)
        return best

    def group_of(self, intid: int) -> int:
        """0 or 1."""
        return self.group >> (intid - self.first_intid) & 1

    def drive(self, intid: int, high: bool) -> None:
        """Drive an input line; a rise is latched if the interrupt is edge-triggered."""
        bit = self._bit(intid)
        if bool(self.line & bit) == high:
            return
        before = self.pending
        self.line ^= bit
        if high:
            self.latch |= bit & self.edge
        self._settle(before, bit)

    def pend(self, intid: int) -> None:
        """Latch an interrupt pending."""
        bit = self._bit(intid)
        before = self.pending
        self.latch |= bit
        self._settle(before, bit)

    def acknowledge(self, intid: int) -> None:
        """Pending to active; level-sensitive with the line high, to active and pending."""
        bit = self._bit(intid)
        self.latch &= ~bit
        self.active |= bit
        self._changed(bit)

    def deactivate(self, intid: int) -> bool:
        """Active to inactive, or active and pending to pending. Whether it was active."""
        bit = self._bit(intid)
        if not self.active & bit:
            return False
        self.active &= ~bit
        self._changed(bit)
        return True

    def _bit(self, intid: int) -> int:
        return 1 << (intid - self.first_intid)

    def _settle(self, before: int, touched: int) -> None:
        """Report what became pending since `before`, then let the signals follow."""
        if self._events.active:
            for index in indices(self.pending & ~before):
                self._events.emit(IrqPended(self.first_intid + index, self._vcpu))
        self._changed(touched)

    # --- what registers do with interrupts ----------------------------------------------------

    def stored(self, touched: int, pending_before: int | None) -> None:
        """A register write has changed the interrupts `touched`: keep what a write can't change
        as it was, report what became pending, and let the signals follow.

        Args:
            touched: bits of the interrupts that the register shows.
            pending_before: `pending` before the write; None to report nothing.
        """
        self._normalise()
        if pending_before is None:
            self._changed(touched)
        else:
            self._settle(pending_before, touched)

    def levels(self, first: int) -> int:
        """Levels of 32 lines, from the interrupt with index `first` on.

        The line of an edge-triggered interrupt counts as low: its level means nothing.
        """
        return (self.line & ~self.edge) >> first & 0xFFFF_FFFF

    def load_levels(self, first: int, levels: int) -> None:
        """Set 32 lines, from index `first` on, as a VMM does: no rise is an edge."""
        lines = (0xFFFF_FFFF << first) & self._implemented & ~self._lineless
        self.line = self.line & ~lines | (levels << first) & lines
        self._changed(lines)

    def _normalise(self) -> None:
        """Drop what is not implemented, and put back what can't be changed."""
        implemented = self._implemented
        self.group &= implemented
        self.enabled &= implemented
        self.latch &= implemented
        self.active &= implemented
        self.edge = self.edge & implemented | self._lineless

    # --- state --------------------------------------------------------------------------------

    def state(self) -> BankState:
        """Everything but the levels of the lines."""
        return BankState(
            group=self.group,
            enabled=self.enabled,
            pending_latch=self.latch,
            active=self.active,
            edge=self.edge,
            priority=bytes(self.priority),
        )

    def load_state(self, state: BankState) -> None:
        """Take on `state`, as the registers would keep it; lines keep their levels.

        Nothing is signalled: the owner does that when all parts are loaded.
        """
        self.group = state.group
        self.enabled = state.enabled
        self.latch = state.pending_latch
        self.active = state.active
        self.edge = state.edge
        self.priority = bytearray(priority & PRIORITY_MASK for priority in state.priority)
        self._normalise()


class InterruptLine:
    """One input of a bank, as an `IrqLine`."""

    __slots__ = ("_bank", "_intid")

    def __init__(self, bank: InterruptBank, intid: int) -> None:
        self._bank = bank
        self._intid = intid

    def set_level(self, high: bool) -> None:
        """Drive the line. On an edge-triggered interrupt a rise latches it pending."""
        self._bank.drive(self._intid, high)

    def pulse(self) -> None:
        """Drive the line high and low again."""
        self._bank.drive(self._intid, True)
        self._bank.drive(self._intid, False)


def indices(bits: int) -> Iterator[int]:
    """The positions of the set bits, lowest first."""
    while bits:
        yield (bits & -bits).bit_length() - 1
        bits &= bits - 1
