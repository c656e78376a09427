"""A board come alive: vCPUs, GIC and devices in one virtual time."""

from emu.machine.machine import BootSource, Machine, Stop
from emu.machine.psci import Power
from emu.machine.state import MachineState, differences

__all__ = ["BootSource", "Machine", "MachineState", "Power", "Stop", "differences"]
