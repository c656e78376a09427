"""The GIC assembled: one distributor, and a redistributor and a CPU interface per vCPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from emu.arch.gicv3 import (
    AFFINITY_MASK,
    GICR_SIZE_BYTES,
    ICC_SGIR_EL1,
    SGI_COUNT,
    SPI_FIRST,
)
from emu.core.events import EventStream
from emu.core.ports import GuestMemory, IrqLine, IrqSink, MmioWindow, SysRegPort
from emu.errors import BoardError
from emu.gic import checks
from emu.gic.cpu_interface import CpuInterface
from emu.gic.distributor import Distributor, needs_range_selector
from emu.gic.interrupts import InterruptBank, InterruptLine, Source
from emu.gic.its import Its, check_state
from emu.gic.lpi_tables import LpiBases, LpiTables
from emu.gic.lpis import Lpis
from emu.gic.redistributor import Redistributor
from emu.gic.state import (
    PROPBASER_RESET,
    CpuInterfaceState,
    DistributorState,
    GicState,
    ItsState,
    RedistributorState,
    reset_spis,
)
from emu.gic.user_access import UserAccess


class GicV3:
    """A GICv3 with one security state and affinity routing only (IHI 0069).

    Args:
        mpidrs: MPIDR_EL1 of each vCPU; their affinities must differ.
        spi_count: number of SPIs, 0 to 988, from INTID 32 on.
        events: where interrupts are reported as they are pended, acknowledged and ended.
        irq_sinks: the IRQ input of each vCPU, which interrupts of group 1 drive. It is told of
            changes only, and starts low.
        fiq_sinks: the FIQ input of each vCPU, which interrupts of group 0 drive.
        its_memory: the guest's RAM, for a GIC with LPIs and an ITS: there they have their tables.

    Attributes:
        its: the ITS, whose frame is 128 KiB; None if there are no LPIs.
        distributor: the frame of GICD_* registers, 64 KiB.
        redistributors: the frames of GICR_* registers, 128 KiB per vCPU in vCPU order.

    Raises:
        BoardError: the numbers of vCPUs, affinities, sinks or SPIs can't be had.
    """

    distributor: MmioWindow
    redistributors: MmioWindow

    def __init__(
        self,
        *,
        mpidrs: Sequence[int],
        spi_count: int,
        events: EventStream,
        irq_sinks: Sequence[IrqSink],
        fiq_sinks: Sequence[IrqSink],
        its_memory: GuestMemory | None = None,
    ) -> None:
        affinities = [mpidr & AFFINITY_MASK for mpidr in mpidrs]
        checks.check_configuration(affinities, spi_count, irq_sinks, fiq_sinks)
        self._affinities = affinities
        bases = LpiBases(len(affinities))
        self._lpis: Lpis | None = None
        self.its: Its | None = None
        if its_memory is not None:
            bases.propbaser = PROPBASER_RESET
            self._lpis = Lpis(
                vcpu_count=len(affinities),
                tables=LpiTables(bases, its_memory),
                events=events,
                update=self._update,
            )
            self.its = Its(
                vcpu_count=len(affinities), lpis=self._lpis, memory=its_memory, events=events
            )
        self._distributor = Distributor(
            affinities=affinities,
            spi_count=spi_count,
            bases=bases,
            has_lpis=self._lpis is not None,
            events=events,
            update=self._update,
        )
        self._redistributors = [
            Redistributor(
                vcpu=vcpu,
                affinity=affinity,
                last=vcpu == len(affinities) - 1,
                bases=bases,
                lpis=self._lpis,
                events=events,
                update=partial(self._update, vcpu),
            )
            for vcpu, affinity in enumerate(affinities)
        ]
        self._cpu_interfaces = [
            CpuInterface(
                vcpu=vcpu,
                sources=self._sources(vcpu),
                forwarded=partial(self._forwarded_groups, vcpu),
                range_selector=needs_range_selector(affinities),
                events=events,
                irq=irq,
                fiq=fiq,
                send_sgi=partial(self._send_sgi, vcpu),
            )
            for vcpu, (irq, fiq) in enumerate(zip(irq_sinks, fiq_sinks, strict=True))
        ]
        self._ports = [cpu_interface.ports() for cpu_interface in self._cpu_interfaces]
        self._user = UserAccess(self._distributor, self._redistributors, self._ports)
        self.distributor = self._distributor.frame
        self.redistributors = _SideBySide([r.frame for r in self._redistributors])

    # --- what is wired to the GIC ---------------------------------------------------------------

    def spi(self, intid: int) -> IrqLine:
        """The input of an SPI.

        Raises:
            BoardError: there is no such SPI.
        """
        return _line(self._distributor.bank, intid, SPI_FIRST)

    def ppi(self, vcpu: int, intid: int) -> IrqLine:
        """The input of a vCPU's PPI, INTID 16 to 31.

        Raises:
            BoardError: there is no such PPI or no such vCPU.
        """
        return _line(self.interrupts(vcpu), intid, SGI_COUNT)

    def cpu_interface(self, vcpu: int) -> Mapping[str, SysRegPort]:
        """A vCPU's ICC_* registers by name, for example `ICC_IAR1_EL1`.

        Raises:
            BoardError: there is no such vCPU.
        """
        return self._ports[self._checked(vcpu)]

    def interrupts(self, vcpu: int | None) -> InterruptBank:
        """A vCPU's SGIs and PPIs, or the SPIs for None: for those who look behind the registers,
        for example at the pending latches.

        Raises:
            BoardError: there is no such vCPU.
        """
        if vcpu is None:
            return self._distributor.bank
        return self._redistributors[self._checked(vcpu)].bank

    def _checked(self, vcpu: int) -> int:
        if not 0 <= vcpu < len(self._affinities):
            raise BoardError(
                f"the GIC has no vCPU {vcpu}: use 0 to {len(self._affinities) - 1}, or more MPIDRs"
            )
        return vcpu

    # --- what a VMM reads and writes through KVM: see `UserAccess` -------------------------------

    def user_read_distributor(self, offset: int) -> int:
        """A 32-bit word of the distributor."""
        return self._user.read_distributor(offset)

    def user_write_distributor(self, offset: int, value: int) -> None:
        """Set a 32-bit word of the distributor."""
        self._user.write_distributor(offset, value)

    def user_read_redistributor(self, vcpu: int, offset: int) -> int:
        """A 32-bit word of a vCPU's redistributor, by its offset from RD_base."""
        return self._user.read_redistributor(self._checked(vcpu), offset)

    def user_write_redistributor(self, vcpu: int, offset: int, value: int) -> None:
        """Set a 32-bit word of a vCPU's redistributor."""
        self._user.write_redistributor(self._checked(vcpu), offset, value)

    def user_read_icc(self, vcpu: int, encoding: int) -> int:
        """A 64-bit ICC_* register of a vCPU, by `SysReg.encoding`."""
        return self._user.read_icc(self._checked(vcpu), encoding)

    def user_write_icc(self, vcpu: int, encoding: int, value: int) -> None:
        """Set a 64-bit ICC_* register of a vCPU."""
        self._user.write_icc(self._checked(vcpu), encoding, value)

    def user_read_line_levels(self, vcpu: int, first_intid: int) -> int:
        """The levels of 32 interrupt lines: a vCPU's PPIs, or SPIs, whichever vCPU is named."""
        return self._user.read_line_levels(self._checked(vcpu), first_intid)

    def user_write_line_levels(self, vcpu: int, first_intid: int, levels: int) -> None:
        """Set the levels of 32 interrupt lines; no rise counts as an edge."""
        self._user.write_line_levels(self._checked(vcpu), first_intid, levels)

    def user_save_pending_tables(self) -> None:
        """Write pending LPIs to the vCPUs' tables (KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES).

        Raises:
            GuestError: a table is not in RAM.
        """
        if self._lpis is not None:
            self._lpis.save_pending()

    # --- state ----------------------------------------------------------------------------------

    def state(self) -> GicState:
        """The complete state, but for the levels of the input lines."""
        return GicState(
            self._distributor.state(),
            [redistributor.state() for redistributor in self._redistributors],
            [cpu_interface.state() for cpu_interface in self._cpu_interfaces],
            its=None if self.its is None else self.its.state(),
        )

    def load_state(self, state: GicState) -> None:
        """Take on a whole state, or nothing of it; the input lines keep their levels.

        Values are kept as the registers would keep them: unimplemented bits are dropped. No
        event is reported; the vCPUs' inputs follow. Lines that are to be high again are best
        driven before: a rise after the load is a new edge, where the interrupt is edge-triggered.

        Raises:
            IncompatibleError: the state has another number of vCPUs or interrupts, or is of a GIC
                with an ITS where this one has none, or the other way round.
        """
        self._check_whole(state)
        self._distributor.load_state(state.distributor)
        for vcpu, cpu_interface in enumerate(self._cpu_interfaces):
            self._redistributors[vcpu].load_state(state.redistributors[vcpu])
            cpu_interface.load_state(state.cpu_interfaces[vcpu])
        if self.its is not None and state.its is not None:
            self.its.load_state(state.its)
        self._update_all()

    def load_distributor(self, state: DistributorState) -> None:
        """Take on the distributor's part of a state, as `load_state` does."""
        checks.check_distributor(state, self._distributor.bank.count)
        self._distributor.load_state(state)
        self._update_all()

    def load_redistributor(self, vcpu: int, state: RedistributorState) -> None:
        """Take on one redistributor's part of a state, as `load_state` does."""
        checks.check_private(state.interrupts)
        self._redistributors[self._checked(vcpu)].load_state(state)
        self._update(vcpu)

    def load_cpu_interface(self, vcpu: int, state: CpuInterfaceState) -> None:
        """Take on one CPU interface's part of a state, as `load_state` does."""
        self._cpu_interfaces[self._checked(vcpu)].load_state(state)
        self._update(vcpu)

    def load_its(self, state: ItsState) -> None:
        """Take on the ITS's part of a state, LPIs included, as `load_state` does."""
        self._check_its(state)
        if self.its is not None:
            self.its.load_state(state)
        self._update_all()

    def reset(self) -> None:
        """Back to the state after power-on; the input lines keep their levels."""
        spi_count = self._distributor.bank.count
        vcpus = range(len(self._affinities))
        has_its = self.its is not None
        self.load_state(
            GicState(
                DistributorState(
                    reset_spis(spi_count),
                    irouter=[0] * spi_count,
                    propbaser=PROPBASER_RESET if has_its else 0,
                ),
                [RedistributorState() for _ in vcpus],
                [CpuInterfaceState() for _ in vcpus],
                its=ItsState() if has_its else None,
            )
        )

    def _check_whole(self, state: GicState) -> None:
        vcpu_count = len(self._affinities)
        checks.check_count("redistributors", len(state.redistributors), vcpu_count)
        checks.check_count("CPU interfaces", len(state.cpu_interfaces), vcpu_count)
        checks.check_distributor(state.distributor, self._distributor.bank.count)
        for redistributor in state.redistributors:
            checks.check_private(redistributor.interrupts)
        self._check_its(state.its)

    def _check_its(self, state: ItsState | None) -> None:
        checks.check_its_presence(state is not None, self.its is not None)
        if state is not None:
            check_state(state, len(self._affinities))

    # --- between the blocks -----------------------------------------------------------------------

    def _sources(self, vcpu: int) -> Sequence[Source]:
        """What a vCPU may be signalled."""
        own = Source(self._redistributors[vcpu].bank)
        lpis = [] if self._lpis is None else [self._lpis.source(vcpu)]
        return (own, self._distributor.routed_to(vcpu), *lpis)

    def _forwarded_groups(self, vcpu: int) -> int:
        """The set of groups that the distributor enables; none if the redistributor sleeps."""
        return 0 if self._redistributors[vcpu].asleep else self._distributor.groups

    def _update(self, vcpu: int) -> None:
        self._cpu_interfaces[vcpu].update()

    def _update_all(self) -> None:
        for cpu_interface in self._cpu_interfaces:
            cpu_interface.update()

    def _send_sgi(self, sender: int, value: int, groups: int) -> None:
        request = ICC_SGIR_EL1(value)
        for vcpu in self._sgi_targets(sender, request):
            self._redistributors[vcpu].pend_sgi(request.INTID, groups)

    def _sgi_targets(self, sender: int, request: ICC_SGIR_EL1) -> Iterator[int]:
        """The vCPUs that an SGI request names (IHI 0069, 4.4): all but the sender, or those of
        the target list, which covers 16 values of Aff0 within one cluster.
        """
        if request.IRM:
            yield from (vcpu for vcpu in range(len(self._affinities)) if vcpu != sender)
            return
        first = request.Aff3 << 32 | request.Aff2 << 16 | request.Aff1 << 8 | request.RS << 4
        for vcpu, affinity in enumerate(self._affinities):
            if affinity & ~0xF == first and request.TargetList >> (affinity & 0xF) & 1:
                yield vcpu


class _SideBySide:
    """The redistributors' frames as one window; behind the last one it is RAZ/WI."""

    def __init__(self, frames: Sequence[MmioWindow]) -> None:
        self._frames = frames

    def read(self, offset: int, size: int, /) -> int:
        vcpu, offset = divmod(offset, GICR_SIZE_BYTES)
        return self._frames[vcpu].read(offset, size) if vcpu < len(self._frames) else 0

    def write(self, offset: int, size: int, value: int, /) -> None:
        vcpu, offset = divmod(offset, GICR_SIZE_BYTES)
        if vcpu < len(self._frames):
            self._frames[vcpu].write(offset, size, value)


def _line(bank: InterruptBank, intid: int, first: int) -> InterruptLine:
    last = bank.first_intid + bank.count - 1
    if not first <= intid <= last:
        raise BoardError(f"no interrupt line has INTID {intid}: use {first} to {last}")
    return InterruptLine(bank, intid)
