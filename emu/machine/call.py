"""One firmware call of a guest, as the services see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emu.arch.smccc import FUNCTION_ID
from emu.boards.services import FirmwareServices
from emu.cpu import Vcpu

_SMC64 = FUNCTION_ID.Smc64.mask
_MASK32 = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is to be carried out.

    Attributes:
        vcpu: who calls, with the PC already behind the instruction.
        function: the function id, from W0.
        services: what the board answers.
    """

    vcpu: Vcpu
    function: int
    services: FirmwareServices

    def argument(self, number: int) -> int:
        """Argument `number`, from 1: of X1 and up, or of W1 and up by the 32-bit convention."""
        value = int(self.vcpu.engine.x[number])
        return value if self.function & _SMC64 else value & _MASK32


Handler = Callable[[Call], int | tuple[int, ...]]
"""Carries a call out; returns what goes into X0, or into X0 and up. Negative numbers are
sign-extended to 64 bits."""
