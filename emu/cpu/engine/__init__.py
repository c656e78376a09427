"""The CPU core: Unicorn, and the only package that imports it or touches its internals."""

from emu.cpu.engine.engine import Engine
from emu.cpu.engine.selfcheck import verify

__all__ = ["Engine", "verify"]
