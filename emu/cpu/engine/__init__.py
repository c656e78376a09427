"""The CPU core: Unicorn, and the only package that imports it or touches its internals."""

from emu.cpu.engine.engine import UNKNOWN_SYNDROME, Engine
from emu.cpu.engine.layout import ISA_REGISTERS, Core
from emu.cpu.engine.selfcheck import verify
from emu.cpu.engine.sysreg_traps import RegisterModel

__all__ = [
    "ISA_REGISTERS",
    "UNKNOWN_SYNDROME",
    "Core",
    "Engine",
    "RegisterModel",
    "verify",
]
