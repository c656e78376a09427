"""A state of one release of Firecracker as another release would have it.

The rules are in a module for each two releases that follow each other, named after the newer one;
a conversion over several releases goes through all between. What no rule names is kept as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emu.errors import IncompatibleError, SnapshotError
from emu.formats.format import Format
from emu.inspect.convert import chain
from emu.inspect.convert.tree import Fields, Leaf, places, value_of
from emu.inspect.convert.work import Addition, Change, Loss, Work, moves
from emu.wire.nodes import StructNode

__all__ = ["Addition", "Change", "Conversion", "Loss", "Move", "convert"]


@dataclass(frozen=True, slots=True)
class Move:
    """A value that is at another place than before.

    Attributes:
        path: its place in the source.
        new_path: its place in the target.
    """

    path: str
    new_path: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of a state.

    Attributes:
        snapshot: a value of the target's schema, which its loader accepts.
        losses: what could not be kept.
        additions: what the target needs and the source has not.
        changes: what says the same in another way, or makes up for something else.
        moves: what is at another place.
        kept_count: values of the source that are in the target.
        same_memory_file: whether the memory file of the source is that of the target.
    """

    snapshot: Any
    losses: tuple[Loss, ...]
    additions: tuple[Addition, ...]
    changes: tuple[Change, ...]
    moves: tuple[Move, ...]
    kept_count: int
    same_memory_file: bool


def convert(snapshot: Any, source: Format, target: Format) -> Conversion:
    """A snapshot of the format `source` in the format `target`, with all that can't be kept.

    Raises:
        IncompatibleError: there is no way between the two, or the target's loader would refuse
            what comes out.
        SnapshotError: the source's own loader refuses the snapshot.
    """
    chain.check_convertible(source, target)
    source.verify(snapshot)
    result = transformed(snapshot, source, target)
    try:
        target.verify(result.snapshot)
    except SnapshotError as error:
        raise IncompatibleError(
            f"{source.id} accepts this state, but {target.id} would refuse what becomes of it: "
            f"{error}"
        ) from error
    return result


def transformed(snapshot: Any, source: Format, target: Format) -> Conversion:
    """`convert` without asking the loaders: what they refuse is converted as far as it goes."""
    node = _data_of(source)
    work = Work(node, snapshot.data)
    chain.bring(work, source, target)
    root = Fields({"data": work.data})
    header = type(snapshot.header)(magic=snapshot.header.magic, version=target.version)
    converted = target.schema.cls(header, value_of(_data_of(target), work.data))
    return Conversion(
        snapshot=converted,
        losses=work.losses,
        additions=work.additions(root),
        changes=work.changes(root),
        moves=tuple(Move(old, new) for old, new in moves(root)),
        kept_count=sum(isinstance(p, Leaf) and p.origin is not None for _, p in places(root)),
        same_memory_file=source.regions(snapshot.data) == target.regions(converted.data),
    )


def _data_of(known: Format) -> StructNode:
    node = next(field.node for field in known.schema.fields if field.name == "data")
    assert isinstance(node, StructNode)
    return node
