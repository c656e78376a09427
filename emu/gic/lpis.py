"""LPIs: what the GIC keeps of them besides their tables in guest RAM.

An LPI is there as long as an event is translated to it. Its priority and enable bit are read from
the configuration table when it is first mapped, and kept until they are invalidated, as KVM does:
a change of the table alone does nothing. Its pending state is taken out of the pending table at the
same time, and kept here from then on; the table is up to date after `save_pending` only.

Sources: vgic_add_lpi and update_lpi_config in arch/arm64/kvm/vgic/vgic-its.c,
vgic_v3_lpi_sync_pending_status and vgic_v3_save_pending_tables in vgic-v3.c, Linux 6.1. Two rules
are the architecture's, where KVM has others: an LPI is signalled only while its vCPU's
GICR_CTLR.EnableLPIs is set, and is not pending any more when its last event is unmapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from emu.arch.gicv3 import LPI_FIRST, PRIORITY_MASK, LpiConfiguration
from emu.core.events import EventStream, IrqPended
from emu.errors import GuestError
from emu.gic.interrupts import GROUP_1, NOTHING, Ranked, Source
from emu.gic.lpi_tables import LPI_ID_BITS, LpiTables
from emu.gic.state import LpiState

_LPI_END = 1 << LPI_ID_BITS


@dataclass(slots=True, eq=False)
class Lpi:
    """One LPI.

    Attributes:
        intid: its number.
        vcpu: the vCPU it goes to; None while its collection has never had one.
        configuration: its entry in the configuration table as it was last read.
        pending: whether it is pending.
        events: how many events are translated to it.
    """

    intid: int
    vcpu: int | None
    configuration: LpiConfiguration
    pending: bool = False
    events: int = 0

    @property
    def priority(self) -> int:
        """As many bits of it as a CPU interface has."""
        return self.configuration.value & PRIORITY_MASK


class Lpis:
    """All LPIs.

    Changes are collected: who makes them calls `settle` at the end, and then the vCPUs are
    signalled what they are to be signalled.

    Args:
        vcpu_count: number of vCPUs.
        tables: what is in guest RAM.
        events: where pending LPIs are reported.
        update: called with a vCPU's index when what it is signalled may have changed.

    Attributes:
        enabled: GICR_CTLR.EnableLPIs of each vCPU.
        tables: what is in guest RAM.
    """

    def __init__(
        self,
        *,
        vcpu_count: int,
        tables: LpiTables,
        events: EventStream,
        update: Callable[[int], None],
    ) -> None:
        self.enabled = [False] * vcpu_count
        self.tables = tables
        self._events = events
        self._update = update
        self._lpis: dict[int, Lpi] = {}
        self._pending: list[dict[int, Lpi]] = [{} for _ in range(vcpu_count)]
        self._touched: set[int] = set()

    def __len__(self) -> int:
        return len(self._lpis)

    def get(self, intid: int) -> Lpi | None:
        """The LPI with this INTID, if any event is translated to it."""
        return self._lpis.get(intid)

    def source(self, vcpu: int) -> Source:
        """The LPIs that go to a vCPU, at any time."""
        return Source(_LpisOfVcpu(self, vcpu, self._pending[vcpu]))

    def settle(self) -> None:
        """Signal what has changed since the last time."""
        touched, self._touched = sorted(self._touched), set()
        for vcpu in touched:
            self._update(vcpu)

    # --- what the ITS does with LPIs ----------------------------------------------------------

    def map(self, intid: int, vcpu: int | None) -> Lpi:
        """The LPI for one more event; one that is there keeps its target.

        Raises:
            GuestError: its entries in the tables are not in RAM.
        """
        lpi = self._lpis.get(intid)
        if lpi is None:
            lpi = Lpi(intid, vcpu, self.tables.configuration(intid))
            if vcpu is not None and self.tables.is_pending(vcpu, intid):
                self.tables.set_pending(vcpu, intid, False)
                self.pend(lpi)
            self._lpis[intid] = lpi
        lpi.events += 1
        return lpi

    def unmap(self, lpi: Lpi) -> None:
        """An event is not translated to the LPI any more; without any, it is gone."""
        lpi.events -= 1
        if not lpi.events:
            self.clear(lpi)
            del self._lpis[lpi.intid]

    def move(self, lpi: Lpi, vcpu: int) -> None:
        """Let an LPI go to another vCPU, pending or not."""
        if lpi.pending and lpi.vcpu is not None:
            del self._pending[lpi.vcpu][lpi.intid]
            self._touched.add(lpi.vcpu)
        lpi.vcpu = vcpu
        if lpi.pending:
            self._pending[vcpu][lpi.intid] = lpi
            self._touched.add(vcpu)

    def move_all(self, source: int, target: int) -> None:
        """Let all LPIs of one vCPU go to another."""
        for lpi in self._of(source):
            self.move(lpi, target)

    def pend(self, lpi: Lpi) -> None:
        """Make an LPI pending."""
        if lpi.pending:
            return
        self._latch(lpi, True)
        if self._events.active:
            self._events.emit(IrqPended(lpi.intid, lpi.vcpu))

    def clear(self, lpi: Lpi) -> None:
        """Make an LPI not pending."""
        self._latch(lpi, False)

    def invalidate(self, lpi: Lpi) -> None:
        """Read an LPI's configuration again; raises `GuestError` if it is not in RAM."""
        lpi.configuration = self.tables.configuration(lpi.intid)
        if lpi.vcpu is not None:
            self._touched.add(lpi.vcpu)

    def invalidate_all(self, vcpu: int) -> None:
        """Read the configuration of a vCPU's LPIs again, of those whose entries are in RAM."""
        for lpi in self._of(vcpu):
            try:
                self.invalidate(lpi)
            except GuestError:
                continue

    def _latch(self, lpi: Lpi, pending: bool) -> None:
        lpi.pending = pending
        if lpi.vcpu is None:
            return
        if pending:
            self._pending[lpi.vcpu][lpi.intid] = lpi
        else:
            self._pending[lpi.vcpu].pop(lpi.intid, None)
        self._touched.add(lpi.vcpu)

    def _of(self, vcpu: int) -> list[Lpi]:
        return [lpi for lpi in self._lpis.values() if lpi.vcpu == vcpu]

    # --- what redistributors and CPU interfaces do with them ------------------------------------

    def enable(self, vcpu: int, *, all_zero: bool) -> None:
        """Set GICR_CTLR.EnableLPIs: which LPIs are pending is what the pending table says.

        Args:
            vcpu: index of the vCPU.
            all_zero: GICR_PENDBASER.PTZ: the table is all zeros, and is not read. KVM leaves the
                LPIs that were pending before as they are, and does not signal them.
        """
        self.enabled[vcpu] = True
        for lpi in self._of(vcpu):
            try:
                pending = not all_zero and self.tables.is_pending(vcpu, lpi.intid)
            except GuestError:
                break
            if pending:
                self.pend(lpi)
            else:
                self.clear(lpi)
        self._touched.add(vcpu)
        self.settle()

    def disable(self, vcpu: int) -> None:
        """Clear GICR_CTLR.EnableLPIs: no LPI is signalled."""
        self.enabled[vcpu] = False
        self._update(vcpu)

    def highest(self, vcpu: int, groups: int) -> Ranked:
        """The LPI to signal first; all are in group 1."""
        pending = self._pending[vcpu]
        if not groups & GROUP_1 or not self.enabled[vcpu]:
            return NOTHING
        return min(
            ((lpi.priority, lpi.intid) for lpi in pending.values() if lpi.configuration.Enable),
            default=NOTHING,
        )

    def acknowledge(self, intid: int) -> None:
        """A vCPU has taken the LPI, which has no active state."""
        lpi = self._lpis[intid]
        self.clear(lpi)
        self.settle()

    # --- state --------------------------------------------------------------------------------

    def save_pending(self) -> None:
        """Write the pending state to the pending tables (SAVE_PENDING_TABLES).

        Raises:
            GuestError: a table is not in RAM.
        """
        for lpi in self._lpis.values():
            if lpi.vcpu is None:
                continue
            if self.tables.is_pending(lpi.vcpu, lpi.intid) != lpi.pending:
                self.tables.set_pending(lpi.vcpu, lpi.intid, lpi.pending)

    def state(self) -> list[LpiState]:
        """What is kept of each LPI, by INTID."""
        return [
            LpiState(lpi.intid, lpi.vcpu, lpi.configuration.value, lpi.pending)
            for _, lpi in sorted(self._lpis.items())
        ]

    def load_state(self, states: Iterable[LpiState]) -> None:
        """Take on `states` without signalling anything. Nothing is read from the tables, and no
        event is translated to an LPI yet: see `adopt`.
        """
        self._lpis = {
            state.intid: Lpi(
                state.intid, state.vcpu, LpiConfiguration(state.configuration), state.pending
            )
            for state in states
        }
        self._touched.clear()
        for vcpu, pending in enumerate(self._pending):
            pending.clear()
            pending.update((lpi.intid, lpi) for lpi in self._of(vcpu) if lpi.pending)

    def adopt(self, intid: int) -> Lpi:
        """The LPI of a loaded state for one more event."""
        lpi = self._lpis[intid]
        lpi.events += 1
        return lpi


class _LpisOfVcpu:
    """The LPIs of one vCPU, as its CPU interface finds them.

    Every INTID of an LPI is one, mapped or not: what was acknowledged can be ended whatever has
    happened to it since.
    """

    def __init__(self, lpis: Lpis, vcpu: int, pending: Mapping[int, Lpi]) -> None:
        self._lpis = lpis
        self._vcpu = vcpu
        self._pending = pending

    def __contains__(self, intid: int) -> bool:
        return LPI_FIRST <= intid < _LPI_END

    def highest(self, groups: int, _candidates: int) -> Ranked:
        # Most often there is none, and each interrupt of the vCPU asks.
        return self._lpis.highest(self._vcpu, groups) if self._pending else NOTHING

    def group_of(self, _intid: int) -> int:
        return 1

    def acknowledge(self, intid: int) -> None:
        self._lpis.acknowledge(intid)

    def deactivate(self, _intid: int) -> bool:
        """It has no active state."""
        return False
