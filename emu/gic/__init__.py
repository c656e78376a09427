"""A software GICv3 by architectural block: distributor, redistributors, CPU interfaces.

There are no LPIs and no ITS. This is where they go:

* LPIs of a redistributor are one more `Source` of its vCPU's CPU interface, behind the private
  interrupts and the SPIs. It has the methods of `Interrupts` with INTIDs from 8192 on, and no
  active state: an acknowledge makes an LPI inactive, and there is nothing to deactivate. A CPU
  interface asks its sources whether they have an INTID, and assumes no range.
* GICR_CTLR.EnableLPIs, GICR_PROPBASER and GICR_PENDBASER belong to `Redistributor`; the two bases
  are stored already, by `lpi_tables`, for the VMM alone. GICR_TYPER.PLPIS and GICD_TYPER.LPIS and
  IDbits say that there are LPIs. The tables are in guest memory: the redistributor will need a
  `GuestMemory`.
* The ITS is a frame of its own beside `GicV3.distributor` and `GicV3.redistributors`, a block that
  reads commands from guest memory and pends LPIs; its state joins `GicState`, and what a VMM does
  with it, SAVE_TABLES and RESTORE_TABLES among it, joins `user_access`.
"""

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
