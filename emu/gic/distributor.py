"""The distributor: the SPIs and where they are routed (IHI 0069, 3.1 and 12.9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from emu.arch.gicv3 import AFFINITY_MASK, GICD, GICD_CTLR, GICD_TYPER, SPI_FIRST
from emu.core.events import EventStream
from emu.gic import bank_registers
from emu.gic.frame import Reader, RegisterFrame, Writer
from emu.gic.identity import GICD_IIDR, PIDR2
from emu.gic.interrupts import GROUP_0, GROUP_1, InterruptBank, Source
from emu.gic.lpi_tables import LPI_ID_BITS, LpiBases, sanitise_propbaser
from emu.gic.state import DistributorState, reset_spis

_CTLR_FIXED: Final = int(GICD_CTLR().replace(DS=1, ARE=1))

_SPI_ID_BITS: Final = 10
"""Bits of an INTID without LPIs."""

_STATUSR: Final = 0xFFFF_FFFF
"""The distributor reports no errors, and KVM lets GICD_STATUSR read as all ones
(vgic_v3_dist_registers in arch/arm64/kvm/vgic/vgic-mmio-v3.c, Linux 6.1)."""


class Distributor:
    """The SPIs, their routing, and the frame of GICD_* registers.

    Args:
        affinities: affinity of each vCPU, laid out as in GICD_IROUTER<n>.
        spi_count: number of SPIs, from INTID 32 on.
        bases: where the tables of LPIs are.
        has_lpis: whether there are any.
        events: where pending SPIs are reported.
        update: called with a vCPU's index when what it is signalled may have changed.

    Attributes:
        bank: the SPIs.
        groups: the set of groups that GICD_CTLR enables.
        routed: for each vCPU, the bits of the SPIs that are routed to it.
        readers: the guest's read functions of the registers, by name.
        writers: the guest's write functions.
        frame: the memory-mapped registers.
    """

    def __init__(
        self,
        *,
        affinities: Sequence[int],
        spi_count: int,
        bases: LpiBases,
        has_lpis: bool,
        events: EventStream,
        update: Callable[[int], None],
    ) -> None:
        self._affinities = tuple(affinities)
        self._bases = bases
        self._update = update
        self.bank = InterruptBank(
            SPI_FIRST,
            reset_spis(spi_count),
            events=events,
            vcpu=None,
            changed=self._spis_changed,
        )
        self.groups = 0
        self._irouter = [0] * spi_count
        self.routed = self._routes()
        typer = int(_typer(affinities, spi_count, has_lpis))
        self.readers: dict[str, Reader] = {
            **bank_registers.readers(self.bank, "GICD_"),
            "GICD_CTLR": lambda _: _CTLR_FIXED | self.groups,
            "GICD_TYPER": lambda _: typer,
            "GICD_IIDR": lambda _: GICD_IIDR,
            "GICD_STATUSR": lambda _: _STATUSR,
            "GICD_PIDR2": lambda _: PIDR2,
            "GICD_IROUTER": self._read_irouter,
        }
        self.writers: dict[str, Writer] = {
            **bank_registers.writers(self.bank, "GICD_"),
            "GICD_CTLR": self._write_ctlr,
            "GICD_IROUTER": self._write_irouter,
        }
        self.frame = RegisterFrame(GICD, self.readers, self.writers)

    def routed_to(self, vcpu: int) -> Source:
        """The SPIs that are routed to a vCPU, at any time."""
        return Source(self.bank, lambda: self.routed[vcpu])

    def state(self) -> DistributorState:
        """The distributor's state."""
        return DistributorState(
            self.bank.state(),
            irouter=list(self._irouter),
            ctlr=self.groups,
            propbaser=self._bases.propbaser,
        )

    def load_state(self, state: DistributorState) -> None:
        """Take on `state` without signalling anything; its SPIs must be as many as here."""
        self.bank.load_state(state.spis)
        self._irouter = [route & AFFINITY_MASK for route in state.irouter]
        self.groups = state.ctlr & (GROUP_0 | GROUP_1)
        # Until the first write it is zero, which no write could make it.
        self._bases.propbaser = sanitise_propbaser(state.propbaser) if state.propbaser else 0
        self.routed = self._routes()

    def _write_ctlr(self, _: int, value: int) -> None:
        self.groups = value & (GROUP_0 | GROUP_1)
        self._update_all()

    def _read_irouter(self, index: int) -> int:
        return self._irouter[index] if index < self.bank.count else 0

    def _write_irouter(self, index: int, value: int) -> None:
        if index >= self.bank.count:
            return
        # 1-of-N routing is not implemented, so Interrupt_Routing_Mode reads as zero.
        self._irouter[index] = value & AFFINITY_MASK
        for vcpu, affinity in enumerate(self._affinities):
            self.routed[vcpu] &= ~(1 << index)
            self.routed[vcpu] |= (affinity == self._irouter[index]) << index
        self._update_all()

    def _routes(self) -> list[int]:
        return [
            sum(1 << index for index, route in enumerate(self._irouter) if route == affinity)
            for affinity in self._affinities
        ]

    def _spis_changed(self, spis: int) -> None:
        for vcpu, routed in enumerate(self.routed):
            if routed & spis:
                self._update(vcpu)

    def _update_all(self) -> None:
        for vcpu in range(len(self._affinities)):
            self._update(vcpu)


def _typer(affinities: Sequence[int], spi_count: int, has_lpis: bool) -> GICD_TYPER:
    """What this distributor says of itself. SPIs come in steps of 32: the last are reserved.

    With num_LPIs 0, IDbits alone tells how many LPIs there are.
    """
    return GICD_TYPER().replace(
        ITLinesNumber=(spi_count + 31) // 32,
        IDbits=(LPI_ID_BITS if has_lpis else _SPI_ID_BITS) - 1,
        LPIS=int(has_lpis),
        No1N=1,
        A3V=1,
        RSS=int(needs_range_selector(affinities)),
    )


def needs_range_selector(affinities: Sequence[int]) -> bool:
    """Whether an SGI needs the range selector RS to reach a vCPU: some Aff0 is over 15."""
    return any(affinity & 0xF0 for affinity in affinities)
