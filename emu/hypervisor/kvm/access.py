"""How one register is got and set, and how a set is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emu.arch.one_reg import OneReg
from emu.errors import Errno, KvmError


@dataclass(frozen=True, slots=True)
class Access:
    """One register: `write` raises `KvmError` for a value that KVM does not take."""

    read: Callable[[], int]
    write: Callable[[int], None]


Accesses = Mapping[str, Access]
"""By the name of the register."""


def refused(reg: OneReg, value: int, expected: str, errno: Errno = "EINVAL") -> KvmError:
    """The error of a KVM_SET_ONE_REG whose value is not taken; `expected` says what would be."""
    return KvmError(
        errno, "KVM_SET_ONE_REG", f"{reg.name} ({reg.id:#018x}) = {value:#x}; expected {expected}"
    )


def constant(reg: OneReg, read: Callable[[], int], whose: str) -> Access:
    """A register that takes the value it has, and no other."""

    def write(value: int) -> None:
        if value != read():
            raise refused(reg, value, f"{read():#x}, {whose}")

    return Access(read, write)


def attribute_refused(errno: Errno, verb: str, what: str, why: str) -> KvmError:
    """The error of KVM_HAS_, GET_ or SET_DEVICE_ATTR."""
    return KvmError(errno, f"KVM_{verb}_DEVICE_ATTR", f"{what}; {why}")
