"""A software GICv3 by architectural block: distributor, redistributors, CPU interfaces."""

from emu.gic.gicv3 import GicV3
from emu.gic.state import (
    BankState,
    CpuInterfaceState,
    DistributorState,
    GicState,
    RedistributorState,
)

__all__ = [
    "BankState",
    "CpuInterfaceState",
    "DistributorState",
    "GicState",
    "GicV3",
    "RedistributorState",
]
