"""Which firmware calls a board answers, and how, as data.

A guest asks its monitor as if it were firmware: by HVC or SMC, with a function id in W0 (Arm
DEN 0028). A board lists the functions that are carried out; every other id gives NOT_SUPPORTED.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from emu.arch import psci, smccc, trng
from emu.arch.smccc import Conduit
from emu.errors import BoardError

TRNG_FUNCTIONS: Final = frozenset[int](trng.Function)
"""What a board with a TRNG answers."""


class CallHandling(Enum):
    """What becomes of HVC, or of SMC, at EL1."""

    SERVED = "carried out, whatever its immediate is"
    SERVED_AT_0 = "carried out if its immediate is 0, and refused otherwise"
    REFUSED = "X0 becomes NOT_SUPPORTED, whatever was asked"
    UNDEFINED = "an UNDEFINED instruction"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareServices:
    """The firmware calls of a board.

    Attributes:
        functions: ids of the functions that are carried out.
        psci_version: what PSCI_VERSION returns; the device tree tells it too.
        smccc_version: what SMCCC_VERSION returns.
        arch_features: what SMCCC_ARCH_FEATURES returns, by the function asked for; NOT_SUPPORTED
            for all others.
        conduit: the instruction that the device tree tells the guest to call with.
        hvc: what becomes of HVC.
        smc: what becomes of SMC.
        clears_results: whether X1 to X3 are zeroed where a call returns nothing in them; the
            SMCCC allows either.
        checks_entry_point: whether CPU_ON refuses an entry point outside of RAM.
        vendor_resets: whether SYSTEM_RESET2 takes the vendor's reset types.

    Raises:
        BoardError: the conduit is one by which no call is carried out.
    """

    functions: frozenset[int]
    psci_version: int = psci.VERSION_1_1
    smccc_version: int = smccc.VERSION_1_1
    arch_features: Mapping[int, int] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )
    conduit: Conduit = Conduit.HVC
    hvc: CallHandling = CallHandling.SERVED
    smc: CallHandling = CallHandling.UNDEFINED
    clears_results: bool = False
    checks_entry_point: bool = True
    vendor_resets: bool = False

    def __post_init__(self) -> None:
        handling = self.handling(self.conduit)
        if handling not in (CallHandling.SERVED, CallHandling.SERVED_AT_0):
            raise BoardError(
                f"the device tree would tell the guest to call by {self.conduit.name}, which here "
                f"is {handling.name}; name the conduit that is SERVED"
            )

    def handling(self, conduit: Conduit) -> CallHandling:
        """What becomes of HVC or of SMC."""
        return self.hvc if conduit is Conduit.HVC else self.smc

    @property
    def has_trng(self) -> bool:
        """Whether a function draws entropy."""
        return not TRNG_FUNCTIONS.isdisjoint(self.functions)
