"""A board come alive: vCPUs, GIC and devices in one virtual time."""

from emu.machine.boot_source import BootSource
from emu.machine.machine import Machine
from emu.machine.psci import Power
from emu.machine.schedule import DEFAULT_SCHEDULE, Explicit, RoundRobin, Schedule, Shuffled, Turn
from emu.machine.scheduler import Stop
from emu.machine.state import MachineState, differences

__all__ = [
    "DEFAULT_SCHEDULE",
    "BootSource",
    "Explicit",
    "Machine",
    "MachineState",
    "Power",
    "RoundRobin",
    "Schedule",
    "Shuffled",
    "Stop",
    "Turn",
    "differences",
]
