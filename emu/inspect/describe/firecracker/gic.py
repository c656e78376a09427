"""The interrupt controller of a Firecracker state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from emu.formats.firecracker import gic
from emu.formats.firecracker.gic import Chunks, Entry, GicLists
from emu.inspect.describe import registers
from emu.inspect.describe.firecracker.locate import first
from emu.inspect.describe.views.registers import RegisterView, Section
from emu.inspect.describe.views.state import GicView, RowView

_Rows = Sequence[Any]
"""A list of `GicRegState`, or of None for a register that the host has not."""


def gic_view(state: Any) -> GicView:
    """All that a `GicState` says. A list of another shape than it should have is shown raw."""
    vcpus = state.gic_vcpu_states
    is_v2 = bool(vcpus) and not any(vcpu.rdist for vcpu in vcpus)
    lists = gic.GICV2 if is_v2 else _v3_lists(state)
    dist = _List("dist", state.dist, lists.dist)
    rdists = [_List("rdist", vcpu.rdist, lists.rdist, n) for n, vcpu in enumerate(vcpus)]
    interfaces = [part for n, vcpu in enumerate(vcpus) for part in _interface(vcpu.icc, lists, n)]
    everything = [dist, *rdists, *interfaces]
    return GicView(
        version="GICv2" if is_v2 else "GICv3",
        sections=(*(part.section() for part in everything if part.fits), *_its(state)),
        interrupts=tuple(
            gic.interrupts(lists, dist.decodable(), [rdist.decodable() for rdist in rdists])
        ),
        rows=tuple(row for part in everything for row in part.rows()),
        notes=tuple(part.note() for part in everything if not part.fits),
    )


def _v3_lists(state: Any) -> GicLists:
    """The order of the lists changed in the release that added the ITS."""
    return gic.GICV3_FROM_1_13 if hasattr(state, "its_state") else gic.GICV3_TO_1_12


def _interface(icc: Any, lists: GicLists, vcpu: int) -> Iterator[_List]:
    yield _List("main_icc_regs", icc.main_icc_regs, lists.main_icc_regs, vcpu)
    yield _List("ap_icc_regs", icc.ap_icc_regs, lists.ap_icc_regs, vcpu)


class _List:
    """A list of registers of the file, beside what it should hold."""

    def __init__(
        self, owner: str, rows: _Rows, entries: Sequence[Entry], vcpu: int | None = None
    ) -> None:
        self._owner = owner
        self._vcpu = vcpu
        self._entries = entries
        self._words = [None if row is None else tuple(row.chunks) for row in rows]
        self.fits = len(rows) == len(entries) and all(
            words is None or len(words) == entry.chunk_count
            for words, entry in zip(self._words, entries, strict=False)
        )

    def decodable(self) -> Chunks:
        """The words, if it is known what they are."""
        return [words or () for words in self._words] if self.fits else ()

    def rows(self) -> Iterator[RowView]:
        """All that the list holds."""
        for index, words in enumerate(self._words):
            name = self._entries[index].name if self.fits else None
            yield RowView(self._vcpu, self._owner, name, words)

    def section(self) -> Section:
        """Those of its registers that are not of one interrupt each."""
        pairs = zip(self._entries, self._words, strict=True)
        rows = (_register(entry, words) for entry, words in pairs if words and entry.first is None)
        return Section(self._title(), tuple(rows))

    def note(self) -> str:
        """What is amiss."""
        expected = [entry.chunk_count for entry in self._entries]
        found = [0 if words is None else len(words) for words in self._words]
        return (
            f"{self._title()}: {self._owner} has registers of {_lengths(found)} words; expected "
            f"{_lengths(expected)}"
        )

    def _title(self) -> str:
        title = _TITLES[self._owner]
        return title if self._vcpu is None else f"{title} of vCPU {self._vcpu}"


_TITLES = {
    "dist": "distributor",
    "rdist": "redistributor",
    "main_icc_regs": "CPU interface",
    "ap_icc_regs": "active priorities",
}


def _lengths(lengths: Sequence[int]) -> str:
    return "+".join(map(str, lengths)) or "no"


def _register(entry: Entry, words: Sequence[int]) -> RegisterView:
    value = sum(word << 8 * entry.chunk_size_bytes * n for n, word in enumerate(words))
    size_bytes = entry.register_size_bytes
    return registers.view(entry.name, value, entry.layout, size_bytes=size_bytes)


def _its(state: Any) -> Iterator[Section]:
    its = first(state, "its_state")
    if its is not None:
        yield Section("interrupt translation service", tuple(_its_registers(its)))


def _its_registers(its: Any) -> Iterator[RegisterView]:
    for field, entry in gic.ITS.items():
        value = getattr(its, field)
        values = value if isinstance(value, tuple) else (value,)
        for chunk, number in enumerate(values):
            yield registers.view(entry.chunk_name(chunk), number, entry.layout)
