"""Registers as classes of bit positions, and register maps as tables of offsets.

A register layout is declared once, in the order of its datasheet, and then serves the model, the
trace, `describe` and the docs:

>>> class CNTV_CTL_EL0(Register):
...     "Arm ARM DDI 0487, D19.12.25."
...     ISTATUS = bit(2)
...     IMASK = bit(1)
...     ENABLE = bit(0)
>>> CNTV_CTL_EL0(5).ISTATUS
1
>>> str(CNTV_CTL_EL0(5))
'0x5 ISTATUS=1 IMASK=0 ENABLE=1'
>>> CNTV_CTL_EL0(5).replace(IMASK=1)
CNTV_CTL_EL0(0x7)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, overload


class Bits:
    """A field of a `Register`: bits `msb` down to `lsb`, both included.

    `names` gives the meaning of values, for display only.
    """

    __slots__ = ("lsb", "mask", "msb", "name", "names")

    def __init__(self, msb: int, lsb: int, names: Mapping[int, str] | None = None) -> None:
        if not 0 <= lsb <= msb:
            raise ValueError(f"bits [{msb}:{lsb}] are not a range")
        self.msb = msb
        self.lsb = lsb
        self.mask = ((1 << (msb - lsb + 1)) - 1) << lsb
        self.names = dict(names or {})
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, register: None, owner: type) -> Self: ...
    @overload
    def __get__(self, register: Register, owner: type) -> int: ...
    def __get__(self, register: Register | None, owner: type) -> Self | int:
        if register is None:
            return self
        return (register.value & self.mask) >> self.lsb

    def insert(self, value: int, field: int) -> int:
        """`value` with this field set to `field`; a field too wide raises `ValueError`."""
        if field < 0 or (field << self.lsb) & ~self.mask:
            raise ValueError(f"{field:#x} does not fit {self.name} [{self.msb}:{self.lsb}]")
        return (value & ~self.mask) | (field << self.lsb)


def bit(position: int, names: Mapping[int, str] | None = None) -> Bits:
    """A field of one bit."""
    return Bits(position, position, names)


def bits(msb: int, lsb: int, names: Mapping[int, str] | None = None) -> Bits:
    """A field of bits `msb` down to `lsb`, both included."""
    return Bits(msb, lsb, names)


class Register:
    """Base of register layouts: a value seen through its declared fields."""

    __slots__ = ("value",)
    fields: ClassVar[tuple[Bits, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.fields = tuple(v for v in vars(cls).values() if isinstance(v, Bits))

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def __int__(self) -> int:
        return self.value

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.value == self.value

    def __hash__(self) -> int:
        return hash((type(self), self.value))

    def replace(self, **changes: int) -> Self:
        """A copy with the named fields changed; an unknown name raises `AttributeError`."""
        value = self.value
        for name, field in changes.items():
            layout: Bits = getattr(type(self), name)
            value = layout.insert(value, field)
        return type(self)(value)

    def decoded(self) -> Iterator[tuple[str, str]]:
        """Field names and values in declared order, values as text."""
        for field in self.fields:
            value = (self.value & field.mask) >> field.lsb
            yield field.name, field.names.get(value, f"{value:#x}" if value > 9 else str(value))

    def __str__(self) -> str:
        return " ".join([f"{self.value:#x}", *(f"{k}={v}" for k, v in self.decoded())])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value:#x})"


@dataclass(frozen=True, slots=True)
class Slot:
    """One row of a register map: `count` registers of `size_bytes`, `stride_bytes` apart."""

    offset: int
    name: str
    size_bytes: int = 4
    count: int = 1
    layout: type[Register] | None = None

    @property
    def end(self) -> int:
        """The offset just past the last register of the row."""
        return self.offset + self.size_bytes * self.count


class RegisterMap:
    """The registers of an MMIO frame, by name and by offset."""

    def __init__(self, name: str, *slots: Slot) -> None:
        self.name = name
        self.slots = tuple(sorted(slots, key=lambda slot: slot.offset))
        self.by_name = {slot.name: slot for slot in self.slots}
        for lower, upper in zip(self.slots, self.slots[1:], strict=False):
            if lower.end > upper.offset:
                raise ValueError(f"{name}: {lower.name} overlaps {upper.name}")

    def __getitem__(self, name: str) -> int:
        """Offset of the (first) register called `name`."""
        return self.by_name[name].offset

    def find(self, offset: int) -> tuple[Slot, int, int] | None:
        """The slot that holds byte `offset`, the register's index in it, and the byte within
        that register; None where the frame has no register.
        """
        for slot in self.slots:
            if slot.offset <= offset < slot.end:
                index, byte = divmod(offset - slot.offset, slot.size_bytes)
                return slot, index, byte
        return None
