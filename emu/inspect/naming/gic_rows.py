"""Firecracker's lists of GIC registers, whose entries have names that are not in the file.

gic.dist.GICD_ISENABLER.chunks[1]       is gic.dist[3].chunks[1], the register GICD_ISENABLER2
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from emu.formats.firecracker.gic import Entry
from emu.inspect.values.containers import Fields, Items
from emu.inspect.values.parts import Part, View
from emu.inspect.values.paths import Step

Entries = Sequence[Entry]


def gic_rows(*lists: Entries) -> View:
    """A view of a list of `GicRegState` as one of `lists`: the one with as many chunks everywhere.

    No two lists of one field agree in that. A list that is like none of them has no names.
    """

    def view(whole: Part) -> Items | None:
        fitting = (entries for entries in lists if _fits(entries, whole.value))
        return next((_Rows(whole, entries) for entries in fitting), None)

    return view


def _fits(entries: Entries, rows: Sequence[Any]) -> bool:
    """Whether a list of registers, some of which the host may lack, holds these entries."""
    return len(rows) == len(entries) and all(
        row is None or len(row.chunks) == entry.chunk_count
        for entry, row in zip(entries, rows, strict=True)
    )


class _Rows(Items):
    """A list of `GicRegState`, each by its name.

    The same names may come in another order: that of another release.
    """

    order_matters = True

    def __init__(self, whole: Part, entries: Entries) -> None:
        super().__init__(whole)
        self._entries = entries
        self._indices = {entry.name: index for index, entry in enumerate(entries)}

    def item(self, index: int) -> Part:
        entry = self._entries[index]
        return self._part(
            Step(".", entry.name),
            self.item_node(index),
            self.whole.value[index],
            view=partial(_Row, entry=entry),
        )

    def index(self, step: Step) -> int | None:
        return super().index(step) if step.mark == "[" else self._indices.get(str(step.key))


class _Row(Fields):
    """A `GicRegState`."""

    def __init__(self, whole: Part, entry: Entry) -> None:
        super().__init__(whole)
        self._entry = entry

    def parts(self) -> Iterator[Part]:
        return (replace(part, view=partial(_Chunks, entry=self._entry)) for part in super().parts())


class _Chunks(Items):
    """The words of one register, or of a row of registers."""

    def __init__(self, whole: Part, entry: Entry) -> None:
        super().__init__(whole)
        self._entry = entry

    def item(self, index: int) -> Part:
        name = self._entry.chunk_name(index)
        return replace(
            super().item(index),
            layout=self._entry.layout,
            is_register=True,
            label="" if name == self._entry.name else name,
        )
