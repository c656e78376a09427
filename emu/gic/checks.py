"""What can't be had: configurations of a GIC, and states that are of another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from emu.arch.gicv3 import PRIVATE_COUNT, SPI_COUNT_MAX
from emu.core.ports import IrqSink
from emu.errors import BoardError, IncompatibleError
from emu.gic.state import BankState, DistributorState

VCPU_COUNT_MAX: Final = 32


def check_configuration(
    affinities: Sequence[int],
    spi_count: int,
    irq_sinks: Sequence[IrqSink],
    fiq_sinks: Sequence[IrqSink],
) -> None:
    """Raise `BoardError` unless there can be a GIC of that kind."""
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


def check_count(parts: str, found: int, vcpu_count: int) -> None:
    """Raise `IncompatibleError` unless a state has a part for each vCPU."""
    if found != vcpu_count:
        raise IncompatibleError(
            f"the GIC state has {found} {parts}, this GIC has {vcpu_count} vCPUs: "
            "load it into a machine with as many vCPUs"
        )


def check_distributor(state: DistributorState, spi_count: int) -> None:
    """Raise `IncompatibleError` unless a state has so many SPIs."""
    for part, found in (("priorities", state.spis.priority), ("routes", state.irouter)):
        if len(found) != spi_count:
            raise IncompatibleError(
                f"the distributor state has {len(found)} SPI {part}, this GIC has {spi_count} "
                "SPIs: load it into a board with as many"
            )


def check_private(state: BankState) -> None:
    """Raise `IncompatibleError` unless a state has all SGIs and PPIs of a vCPU."""
    if len(state.priority) != PRIVATE_COUNT:
        raise IncompatibleError(
            f"the redistributor state has {len(state.priority)} priorities, "
            f"expected one for each of {PRIVATE_COUNT} SGIs and PPIs"
        )


def check_its_presence(in_state: bool, in_gic: bool) -> None:
    """Raise `IncompatibleError` unless a state and the GIC both have an ITS, or none."""
    if in_state != in_gic:
        kind = "with an ITS" if in_state else "without an ITS"
        raise IncompatibleError(
            f"the state is of a GIC {kind}, unlike this one: load it into a board {kind}"
        )
