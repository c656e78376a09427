"""Fields that hold registers, seen as registers: by name, with bit fields.

| | held as | for example |
|---|---|---|
| squib | map by squib's own keys | `sys_regs.SCTLR_EL1`, `sys_regs[1]` |
| Firecracker | KVM one_reg ids, and all values | `regs.SCTLR_EL1`, `regs[0x603000000013c080]` |

A register goes by its name if it has one, otherwise by its key. A name that is more than a word is
written in brackets: `regs["CCSIDR[0]"]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from emu.arch import one_reg
from emu.arch.sysregs import BY_NAME, BY_SQUIB_KEY
from emu.formats.firecracker.leaves import Aarch64RegisterVec
from emu.inspect.values.containers import Entries
from emu.inspect.values.parts import ABSENT, Container, Part
from emu.inspect.values.paths import Step, key_text
from emu.wire.nodes import IntNode


class SquibRegisters(Entries):
    """A map of system registers by `squib_key` of `emu.arch.sysregs`."""

    def entry(self, key: Any, value: Any) -> Part:
        """The part that stands for a register."""
        known = BY_SQUIB_KEY.get(key)
        return self._part(
            _step(known.name) if known else Step("[", key),
            self.node.value,
            value,
            layout=known.layout if known else None,
            is_register=True,
        )

    def key(self, step: Step) -> Any:
        """The key that a step names; raises `ValueFileError` if there is no such register."""
        known = BY_NAME.get(_name(step))
        if known is None or known.squib_key is None:
            return super().key(step)
        return known.squib_key


class KvmRegisters(Container):
    """An `Aarch64RegisterVec`."""

    resizable = True
    order_matters = True

    def __init__(self, whole: Part) -> None:
        super().__init__(whole)
        self._values = dict(whole.value.registers())

    def parts(self) -> Iterator[Part]:
        """The registers in the order of the vector."""
        for register, value in self._values.items():
            yield self._register(register, value)

    def at(self, step: Step) -> Part | None:
        """The register of a name or an id."""
        register = _id(step)
        if register is None:
            return None
        return self._register(register, self._values.get(register, ABSENT))

    def put(self, step: Step, value: Any) -> Any:
        """The vector with another value for a register; a new one comes last."""
        return self._vector({**self._values, _known_id(step): value})

    def without(self, step: Step) -> Any:
        """The vector without a register."""
        gone = _known_id(step)
        return self._vector({key: value for key, value in self._values.items() if key != gone})

    def _vector(self, values: dict[int, int]) -> Any:
        return type(self.whole.value).of(values.items())

    def _register(self, register: int, value: Any) -> Part:
        known = one_reg.find(register)
        return self._part(
            _step(known.name) if known else Step("[", register),
            IntNode(8 * one_reg.size_bytes(register)),
            value,
            layout=known.layout if known else None,
            is_register=True,
        )


def kvm_registers(whole: Part) -> KvmRegisters | None:
    """The registers of an `Aarch64RegisterVec`; None if they can't be told apart by their ids.

    That is so if one comes twice, or if ids and values do not belong together.
    """
    vector: Aarch64RegisterVec = whole.value
    if vector.refusal() or len(set(vector.ids)) < len(vector.ids):
        return None
    return KvmRegisters(whole)


def _id(step: Step) -> int | None:
    """The one_reg id that a step names; None if it names none."""
    if isinstance(step.key, int):
        return step.key if 0 <= step.key < 1 << 64 else None
    known = one_reg.BY_NAME.get(_name(step))
    return known.id if known else None


def _known_id(step: Step) -> int:
    register = _id(step)
    assert register is not None
    return register


def _step(name: str) -> Step:
    return Step(".", name) if name.isidentifier() else Step("[", key_text(name))


def _name(step: Step) -> str:
    """The name that a step may be: as a word, or in brackets."""
    if step.mark == "[" and str(step.key).startswith('"'):
        return str(json.loads(str(step.key)))
    return str(step.key)
