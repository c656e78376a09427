"""Values from the inside: what a part of a value is, and what gives the parts of one.

A `Part` is a value with its type and its path. A `Container` has the parts that are directly
inside one; `emu.inspect.values.containers` makes the right one for each part. A format's `Naming`
adds what its schema can't say: which integers are registers with bit fields, and which fields hold
sets of registers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from emu.arch.bits import Register
from emu.inspect.values.paths import Path, Step
from emu.wire.nodes import Node, OptionNode
from emu.wire.schema import schema_of

View = Callable[["Part"], "Container | None"]
"""How to look into a value other than by its type; None for one that can't be seen that way."""


@dataclass(frozen=True)
class Naming:
    """What a format's values are, beyond what its schema says of them.

    Attributes:
        layouts: bit fields of integers, by the struct and the field that hold them.
        views: how to look into values, by their struct or by the struct and field that hold them.
    """

    layouts: Mapping[tuple[type, str], type[Register]] = field(default_factory=dict)
    views: Mapping[type | tuple[type, str], View] = field(default_factory=dict)


PLAIN = Naming()
"""Nothing but the schema."""


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""In place of the value of a part that is not there, but may be put there."""


@dataclass(frozen=True, slots=True)
class Part:
    """A value inside another, or the root.

    Attributes:
        path: where it is.
        node: its type.
        value: the value, or `ABSENT`.
        naming: that of the format.
        view: how to look into it, None if as its type says.
        layout: its bit fields, if it is a register whose fields are known.
        is_register: whether it is a register, and so best read in hexadecimal.
        label: what it is called, where its path does not say it.
        words: words that stand for values of a bit field.
    """

    path: Path
    node: Node
    value: Any
    naming: Naming = PLAIN
    view: View | None = None
    layout: type[Register] | None = None
    is_register: bool = False
    label: str = ""
    words: Mapping[str, int] = field(default_factory=dict)

    @property
    def step(self) -> Step:
        """The last step of its path; the root has none."""
        return self.path.steps[-1]

    @property
    def kind(self) -> Node:
        """Its type without the option around it."""
        return self.node.item if isinstance(self.node, OptionNode) else self.node

    @property
    def is_there(self) -> bool:
        """Whether there is a value: it is neither an option that is none, nor absent."""
        return self.value is not None and self.value is not ABSENT


def root(schema: Any, value: Any, naming: Naming = PLAIN) -> Part:
    """A whole value of `schema` (a `Struct` class, an annotation or a node)."""
    return Part(Path(), schema_of(schema), value, naming)


class Container(ABC):
    """What is inside one value.

    Attributes:
        whole: the value.
        resizable: whether parts can be added and removed.
        order_matters: whether the order of the parts is part of the value, though not of paths.
    """

    resizable: ClassVar[bool] = False
    order_matters: ClassVar[bool] = False

    def __init__(self, whole: Part) -> None:
        self.whole = whole

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """The parts, in wire order."""

    def at(self, step: Step) -> Part | None:
        """The part at `step`, `ABSENT` if it can be put there; None if there is no such place.

        The part's own step is the proper one, where `step` may be another way to say the same.
        """
        return next((part for part in self.parts() if part.step == step), None)

    @abstractmethod
    def put(self, step: Step, value: Any) -> Any:
        """A copy of the whole with `value` at `step`, which is the proper step of a part."""

    def without(self, step: Step) -> Any:
        """A copy of the whole without the part at `step`; for resizable containers only."""
        raise TypeError(f"{self.whole.node} has a fixed set of parts")

    def _part(self, step: Step, node: Node, value: Any, **more: Any) -> Part:
        return Part(self.whole.path / step, node, value, self.whole.naming, **more)
