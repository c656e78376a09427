"""A software GICv3 by architectural block: distributor, redistributors, CPU interfaces.

LPIs and the ITS are there if the GIC is given the guest's RAM, where they have their tables. `lpis`
has the LPIs of all vCPUs: to a CPU interface they are one more `Source`, behind the private
interrupts and the SPIs. `lpi_registers` are the registers of a redistributor that they need,
`lpi_tables` the tables. The ITS is a package of its own, `its`.
"""

from emu.gic.gicv3 import GicV3
from emu.gic.its import Its
from emu.gic.state import (
    BankState,
    CpuInterfaceState,
    DistributorState,
    GicState,
    ItsState,
    LpiState,
    RedistributorState,
)

__all__ = [
    "BankState",
    "CpuInterfaceState",
    "DistributorState",
    "GicState",
    "GicV3",
    "Its",
    "ItsState",
    "LpiState",
    "RedistributorState",
]
