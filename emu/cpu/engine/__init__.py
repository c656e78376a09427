"""The CPU core: Unicorn, and the only package that imports it or touches its internals."""

from emu.cpu.engine.engine import Engine
from emu.cpu.engine.selfcheck import verify
from emu.cpu.engine.sysreg_traps import RegisterModel

__all__ = ["Engine", "RegisterModel", "verify"]
