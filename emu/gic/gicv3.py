"""The GIC assembled: one distributor, and a redistributor and a CPU interface per vCPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from emu.arch.gicv3 import (
    AFFINITY_MASK,
    GICR_SIZE_BYTES,
    ICC_SGIR_EL1,
    PRIVATE_COUNT,
    SGI_COUNT,
    SPI_COUNT_MAX,
    SPI_FIRST,
)
from emu.core.events import EventStream
from emu.core.ports import IrqLine, IrqSink, MmioWindow, SysRegPort
from emu.errors import BoardError, IncompatibleError
from emu.gic.cpu_interface import CpuInterface
from emu.gic.distributor import Distributor, needs_range_selector
from emu.gic.interrupts import InterruptBank, InterruptLine, Source
from emu.gic.redistributor import Redistributor
from emu.gic.state import (
    BankState,
    CpuInterfaceState,
    DistributorState,
    GicState,
    RedistributorState,
    reset_spis,
)
from emu.gic.user_access import UserAccess

VCPU_COUNT_MAX = 32


class GicV3:
    """A GICv3 with one security state, affinity routing only, and no LPIs (IHI 0069).

    Args:
        mpidrs: MPIDR_EL1 of each vCPU; their affinities must differ.
        spi_count: number of SPIs, 0 to 988, from INTID 32 on.
        events: where interrupts are reported as they are pended, acknowledged and ended.
        irq_sinks: the IRQ input of each vCPU, which interrupts of group 1 drive. It is told of
            changes only, and starts low.
        fiq_sinks: the FIQ input of each vCPU, which interrupts of group 0 drive.

    Attributes:
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
    ) -> None:
        affinities = [mpidr & AFFINITY_MASK for mpidr in mpidrs]
        _check_configuration(affinities, spi_count, irq_sinks, fiq_sinks)
        self._affinities = affinities
        self._distributor = Distributor(
            affinities=affinities, spi_count=spi_count, events=events, update=self._update
        )
        self._redistributors = [
            Redistributor(
                vcpu=vcpu,
                affinity=affinity,
                last=vcpu == len(affinities) - 1,
                events=events,
                update=partial(self._update, vcpu),
            )
            for vcpu, affinity in enumerate(affinities)
        ]
        self._cpu_interfaces = [
            CpuInterface(
                vcpu=vcpu,
                sources=(Source(redistributor.bank), self._distributor.routed_to(vcpu)),
                forwarded=partial(self._forwarded_groups, vcpu),
                range_selector=needs_range_selector(affinities),
                events=events,
                irq=irq,
                fiq=fiq,
                send_sgi=partial(self._send_sgi, vcpu),
            )
            for vcpu, (redistributor, irq, fiq) in enumerate(
                zip(self._redistributors, irq_sinks, fiq_sinks, strict=True)
            )
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

    # --- state ----------------------------------------------------------------------------------

    def state(self) -> GicState:
        """The complete state, but for the levels of the input lines."""
        return GicState(
            self._distributor.state(),
            [redistributor.state() for redistributor in self._redistributors],
            [cpu_interface.state() for cpu_interface in self._cpu_interfaces],
        )

    def load_state(self, state: GicState) -> None:
        """Take on a whole state, or nothing of it; the input lines keep their levels.

        Values are kept as the registers would keep them: unimplemented bits are dropped. No
        event is reported; the vCPUs' inputs follow. Lines that are to be high again are best
        driven before: a rise after the load is a new edge, where the interrupt is edge-triggered.

        Raises:
            IncompatibleError: the state has another number of vCPUs or interrupts.
        """
        self._check_vcpus("redistributors", len(state.redistributors))
        self._check_vcpus("CPU interfaces", len(state.cpu_interfaces))
        self._check_distributor(state.distributor)
        for redistributor in state.redistributors:
            _check_private(redistributor.interrupts)
        self._distributor.load_state(state.distributor)
        for vcpu, cpu_interface in enumerate(self._cpu_interfaces):
            self._redistributors[vcpu].load_state(state.redistributors[vcpu])
            cpu_interface.load_state(state.cpu_interfaces[vcpu])
        self._update_all()

    def load_distributor(self, state: DistributorState) -> None:
        """Take on the distributor's part of a state, as `load_state` does."""
        self._check_distributor(state)
        self._distributor.load_state(state)
        self._update_all()

    def load_redistributor(self, vcpu: int, state: RedistributorState) -> None:
        """Take on one redistributor's part of a state, as `load_state` does."""
        _check_private(state.interrupts)
        self._redistributors[self._checked(vcpu)].load_state(state)
        self._update(vcpu)

    def load_cpu_interface(self, vcpu: int, state: CpuInterfaceState) -> None:
        """Take on one CPU interface's part of a state, as `load_state` does."""
        self._cpu_interfaces[self._checked(vcpu)].load_state(state)
        self._update(vcpu)

    def reset(self) -> None:
        """Back to the state after power-on; the input lines keep their levels."""
        spi_count = self._distributor.bank.count
        vcpus = range(len(self._affinities))
        self.load_state(
            GicState(
                DistributorState(reset_spis(spi_count), irouter=[0] * spi_count),
                [RedistributorState() for _ in vcpus],
                [CpuInterfaceState() for _ in vcpus],
            )
        )

    def _check_vcpus(self, parts: str, found: int) -> None:
        if found != len(self._affinities):
            raise IncompatibleError(
                f"the GIC state has {found} {parts}, this GIC has {len(self._affinities)} vCPUs: "
                "load it into a machine with as many vCPUs"
            )

    def _check_distributor(self, state: DistributorState) -> None:
        expected = self._distributor.bank.count
        for part, found in (("priorities", state.spis.priority), ("routes", state.irouter)):
            if len(found) != expected:
                raise IncompatibleError(
                    f"the distributor state has {len(found)} SPI {part}, this GIC has {expected} "
                    "SPIs: load it into a board with as many"
                )

    # --- between the blocks -----------------------------------------------------------------------

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


def _check_configuration(
    affinities: Sequence[int],
    spi_count: int,
    irq_sinks: Sequence[IrqSink],
    fiq_sinks: Sequence[IrqSink],
) -> None:
    if not 1 <= len(affinities) <= VCPU_COUNT_MAX:
        raise BoardError(f"a GIC for {len(affinities)} vCPUs: use 1 to {VCPU_COUNT_MAX}")
    if len(set(affinities)) != len(affinities):
        raise BoardError("two vCPUs have the same affinity: give each MPIDR its own")
    for name, sinks in (("IRQ", irq_sinks), ("FIQ", fiq_sinks)):
        if len(sinks) != len(affinities):
            raise BoardError(
                f"{len(sinks)} {name} inputs for {len(affinities)} vCPUs: give one each"
            )
    if not 0 <= spi_count <= SPI_COUNT_MAX:
        raise BoardError(f"a GIC with {spi_count} SPIs: use 0 to {SPI_COUNT_MAX}")


def _check_private(state: BankState) -> None:
    if len(state.priority) != PRIVATE_COUNT:
        raise IncompatibleError(
            f"the redistributor state has {len(state.priority)} priorities, "
            f"expected one for each of {PRIVATE_COUNT} SGIs and PPIs"
        )
