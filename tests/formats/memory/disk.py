"""Memory files of known content, and the model that they are compared with."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

from hypothesis import strategies as st

from emu.formats.memory.extents import Extent
from emu.formats.memory.file import MemoryFile
from emu.formats.memory.sparse import stored_extents

PAGE = 4096
HUGE_BYTES = 5 << 30
"""More than 32 bits can count."""

Pages: TypeAlias = list[int | None]
"""A small memory file: for each page of 4 KiB the byte that fills it, or None for a hole."""

FILL = st.sampled_from([None, None, 0, 0, 1, 2])
PAGES = st.lists(FILL, max_size=24)


def layers(depth: int) -> st.SearchStrategy[list[Pages]]:
    """`depth` memory files of one size."""
    return st.integers(0, 12).flatmap(
        lambda count: st.lists(
            st.lists(FILL, min_size=count, max_size=count), min_size=depth, max_size=depth
        )
    )


def contents(pages: Pages) -> bytes:
    """What a reader finds in a file of `pages`."""
    return b"".join(bytes([fill or 0]) * PAGE for fill in pages)


def parts(pages: Pages) -> list[tuple[int, bytes]]:
    """The pages that are no hole, with their offsets."""
    written = [(n, fill) for n, fill in enumerate(pages) if fill is not None]
    return [(n * PAGE, bytes([fill]) * PAGE) for n, fill in written]


def runs(wanted: Iterable[bool]) -> list[Extent]:
    """Extents of the pages that are wanted."""
    found, page = [], 0
    for value, group in groupby(wanted):
        count = len(list(group))
        if value:
            found.append(Extent(page * PAGE, count * PAGE))
        page += count
    return found


def first_data(path: Path) -> int | None:
    """Offset of the first data, by asking the system itself; None if there is only a hole.

    Zero, where the system does not tell: then the whole file may be data.
    """
    with path.open("rb") as file:
        try:
            return os.lseek(file.fileno(), 0, getattr(os, "SEEK_DATA", os.SEEK_SET))
        except OSError as error:
            return None if error.errno == errno.ENXIO else 0


def stored(path: Path) -> list[Extent]:
    """What the file system says it stores of `path`."""
    with MemoryFile(path) as file:
        return list(stored_extents(file))


@dataclass(frozen=True)
class Disk:
    """A folder for memory files."""

    folder: Path

    def file(self, name: str, pages: Pages) -> Path:
        """A memory file of `pages`."""
        return self.raw(name, len(pages) * PAGE, parts(pages))

    def raw(self, name: str, size_bytes: int, parts: Iterable[tuple[int, bytes]]) -> Path:
        """A memory file of `size_bytes` with `parts` at their offsets, and holes elsewhere."""
        path = self.folder / name
        with path.open("wb") as file:
            file.truncate(size_bytes)
            for offset, data in parts:
                file.seek(offset)
                file.write(data)
        return path


@dataclass
class Reads:
    """How much was read of all memory files."""

    size_bytes: int = 0
