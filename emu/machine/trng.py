"""The TRNG firmware interface 1.0, with entropy that is injected.

Source: Arm DEN 0098 1.0, chapter 2; at its edges as arch/arm64/kvm/trng.c of Linux 6.1: no bits at
all can be asked for, and are given.
"""

from __future__ import annotations

from collections.abc import Mapping

from emu.arch.smccc import uid_words
from emu.arch.trng import KVM_UID, VERSION_1_0, Function, Status
from emu.boards.services import TRNG_FUNCTIONS
from emu.core.ports import Entropy
from emu.machine.call import Call, Handler

_RESULT_REGISTERS = 3
_MASK32 = (1 << 32) - 1


class Trng:
    """The TRNG of a machine.

    Args:
        entropy: drawn from once for each call, the least number of whole bytes that is enough.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    @property
    def handlers(self) -> Mapping[int, Handler]:
        """What carries out each function."""
        return {
            Function.TRNG_VERSION: lambda _call: VERSION_1_0,
            Function.TRNG_FEATURES: _features,
            Function.TRNG_GET_UUID: lambda _call: uid_words(KVM_UID),
            Function.TRNG_RND_SMC32: lambda call: self._random(call, 32),
            Function.TRNG_RND: lambda call: self._random(call, 64),
        }

    def _random(self, call: Call, width: int) -> int | tuple[int, ...]:
        """The random bits in three registers of `width` bits, the lowest bits in the last."""
        bit_count = call.argument(1) & _MASK32
        if bit_count > _RESULT_REGISTERS * width:
            return Status.INVALID_PARAMETERS
        drawn = int.from_bytes(self._entropy((bit_count + 7) // 8), "little")
        value = drawn & ((1 << bit_count) - 1)
        mask = (1 << width) - 1
        registers = [value >> (width * n) & mask for n in reversed(range(_RESULT_REGISTERS))]
        return (Status.SUCCESS, *registers)


def _features(call: Call) -> int:
    """Which functions of the TRNG there are."""
    asked = call.argument(1)
    known = asked in TRNG_FUNCTIONS & call.services.functions
    return Status.SUCCESS if known else Status.NOT_SUPPORTED
