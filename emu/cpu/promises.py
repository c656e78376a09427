"""What ID registers promise, held against what a CPU model has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from emu.arch import id_layouts
from emu.arch.bits import Bits
from emu.arch.id_layouts import CTR_EL0, DCZID_EL0, level
from emu.arch.sysregs import SYSREGS, Need
from emu.cpu.engine import ISA_REGISTERS
from emu.cpu.features import FEATURES, Feature, Policy
from emu.cpu.model import CpuModel

_BY_PROMISE: Final = {
    (feature.register, feature.field, value): feature
    for feature in FEATURES
    for value in feature.values
}

_FIELDS: Final[Mapping[str, tuple[Bits, ...]]] = {
    **{
        name: getattr(id_layouts, name).fields for name in ISA_REGISTERS if name in vars(id_layouts)
    },
    "CTR_EL0": (CTR_EL0.DIC,),
    "DCZID_EL0": (DCZID_EL0.BS,),
}
"""The fields that promise something; the others say what the processor is, and how it is made."""

_NO_PROMISE: Final = ("ID_AA64AFR0_EL1", "ID_AA64AFR1_EL1")
"""What they say is implementation defined."""


def _undeclared() -> Iterator[tuple[str, int]]:
    """Bits of AArch64 feature registers that are of no field here."""
    for reg in SYSREGS:
        if reg.at[:3] == (3, 0, 0) and 4 <= reg.at[3] <= 7 and reg.name not in _NO_PROMISE:
            declared = sum(field.mask for field in _FIELDS.get(reg.name, ()))
            yield reg.name, (1 << 64) - 1 & ~declared


_UNDECLARED: Final = dict(_undeclared())
"""They belong to features of later architectures, none of which the cores have."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A field that promises more than the core has.

    Attributes:
        register: the ID register.
        field: its field; empty for bits that are of no field here.
        value: what it says.
        had: what the core has.
        feature: the row that decides; None if there is none.
    """

    register: str
    field: str
    value: int
    had: int
    feature: Feature | None

    @property
    def policy(self) -> Policy:
        """What is done about it."""
        return Policy.REFUSE if self.feature is None else self.feature.policy

    def __str__(self) -> str:
        name = f"{self.register}.{self.field}" if self.field else self.register
        why = "the core has no such feature" if self.feature is None else self.feature.why
        return f"{name} = {self.value:#x}, and the core has {self.had:#x} ({why.rstrip('.')})"


def beyond(model: CpuModel, register: str, value: int) -> tuple[Promise, ...]:
    """What an ID register of this value promises and the core lacks."""
    if value == model.id_registers.get(register, 0):
        return ()
    return tuple(_beyond(model, register, value))


def refusals(promises: Iterable[Promise]) -> str:
    """Those that are refused, as text; empty if none is."""
    return "; ".join(str(p) for p in promises if p.policy is Policy.REFUSE)


def kept(model: CpuModel, id_registers: Mapping[str, int]) -> dict[str, int]:
    """The words by which the core decodes: of what is promised, what it has."""
    words = {}
    for register in ISA_REGISTERS:
        promised, most = id_registers[register], model.most(register)
        words[register] = sum(
            (promised if level(field, promised) < level(field, most) else most) & field.mask
            for field in _FIELDS.get(register, ())
        )
    return words


def promised(id_registers: Mapping[str, int], needs: tuple[Need, ...]) -> bool:
    """Whether any of the needs is met, or there are none."""
    return not needs or any(
        level(getattr(getattr(id_layouts, register), field), id_registers[register]) >= least
        for register, field, least in needs
    )


def _beyond(model: CpuModel, register: str, value: int) -> Iterator[Promise]:
    most = model.most(register)
    unknown = value & _UNDECLARED.get(register, 0)
    if unknown:
        yield Promise(register, "", unknown, 0, None)
    for field in _FIELDS.get(register, ()):
        said, had = ((word & field.mask) >> field.lsb for word in (value, most))
        if _exceeds(field, value, most):
            feature = _BY_PROMISE.get((register, field.name, said))
            yield Promise(register, field.name, said, had, feature)


def _exceeds(field: Bits, value: int, most: int) -> bool:
    """A block of DC ZVA is neither more nor less than another, and none at all if prohibited."""
    if field is DCZID_EL0.BS:
        return not DCZID_EL0(value).DZP and (value ^ most) & field.mask != 0
    return level(field, value) > level(field, most)
