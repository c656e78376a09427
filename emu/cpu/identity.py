"""What one vCPU says that it is: its ID registers, and the geometry of its caches.

A monitor may change them until the guest begins to run, as on KVM; the guest finds what they
promise then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from emu.arch.sysregs import BY_NAME, SYSREGS, Model, Need
from emu.cpu.model import CpuModel
from emu.cpu.promises import Promise, beyond, kept, promised, refusals
from emu.errors import BoardError, IncompatibleError

CACHE_SELECTORS: Final = 14
"""CSSELR_EL1 selects so many caches: seven levels, data or instruction."""

_OF_THE_MACHINE: Final = ("MPIDR_EL1", "CNTFRQ_EL0")
"""ID registers that say what the machine is, and not which features it has."""


class Identity:
    """The ID registers of one vCPU, by name.

    Args:
        model: the processor that it is.
        id_registers: values that differ from the model's, by name.

    Attributes:
        ccsidr: CCSIDR_EL1 (32 bits) by what CSSELR_EL1 selects; zero for what is not in it.

    Raises:
        BoardError: there is no such ID register, or one promises a feature that is refused.
    """

    def __init__(self, model: CpuModel, id_registers: Mapping[str, int]) -> None:
        self.model = model
        self.ccsidr = dict(model.ccsidr)
        self._settled = False
        self._values = {reg.name: 0 for reg in SYSREGS if reg.model is Model.ID}
        unknown = sorted(id_registers.keys() - self._values.keys())
        if unknown:
            raise BoardError(f"the board sets {', '.join(unknown)}, which are no ID registers")
        self._values |= {**model.id_registers, **id_registers}
        refused = refusals(self.beyond())
        if refused:
            raise BoardError(
                f"the board's ID registers promise more than a vCPU of the model {model.name} can "
                f"do without: {refused}. Leave that out of the board's `id_registers`"
            )

    def get(self, name: str) -> int:
        """The value of an ID register."""
        return self._values[name]

    def set(self, name: str, value: int) -> None:
        """Change an ID register, as a monitor does.

        Raises:
            IncompatibleError: it promises what is refused, it is the machine's, or the guest has
                begun to run and was told otherwise.
        """
        current = self._values[name]
        if value == current:
            return
        why = self._why_fixed(name, value)
        if why:
            raise IncompatibleError(
                f"{BY_NAME[name]}: the state has {value:#x}, this machine has {current:#x}: {why}. "
                "The guest was told of other CPU features than there are here; thaw it on a board "
                "that has them"
            )
        self._values[name] = value

    def set_ccsidr(self, selector: int, value: int) -> None:
        """Set CCSIDR_EL1 for what `selector` selects.

        Raises:
            IncompatibleError: `selector` is not within 0 and 13.
        """
        self.ccsidr[check_selector(selector)] = value

    def settle(self) -> None:
        """The guest begins to run: what it is told is fixed."""
        self._settled = True

    def promises(self, needs: tuple[Need, ...]) -> bool:
        """Whether any of the needs is met, or there are none."""
        return promised(self._values, needs)

    def kept(self) -> dict[str, int]:
        """The words by which the core decodes: of what is promised, what it has."""
        return kept(self.model, self._values)

    def beyond(self) -> Iterator[Promise]:
        """What is promised and the core lacks."""
        for name, value in self._values.items():
            yield from beyond(self.model, name, value)

    def _why_fixed(self, name: str, value: int) -> str:
        if name in _OF_THE_MACHINE:
            return "it belongs to the machine"
        if self._settled:
            return "the guest has begun to run"
        return refusals(beyond(self.model, name, value))


def check_selector(selector: int) -> int:
    """`selector`, if CSSELR_EL1 can hold it; `IncompatibleError` if not."""
    if not 0 <= selector < CACHE_SELECTORS:
        raise IncompatibleError(
            f"CSSELR_EL1 {selector:#x} selects no cache; expected 0 to {CACHE_SELECTORS - 1:#x}"
        )
    return selector
