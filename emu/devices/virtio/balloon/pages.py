"""Memory that a guest gives up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from emu.arch.virtio_balloon import PAGE_FRAME_NUMBER
from emu.core.ports import GuestMemory

_BLOCK: Final = bytes(0x1_0000)


def page_frames(data: bytes) -> Iterator[int]:
    """The numbers of an array of page frame numbers; what is left of the last is passed over."""
    whole = len(data) - len(data) % PAGE_FRAME_NUMBER.size
    for (number,) in PAGE_FRAME_NUMBER.iter_unpack(data[:whole]):
        yield number


def runs(numbers: Iterable[int]) -> Iterator[range]:
    """The numbers as runs without gaps, the lowest first; what is there twice is there once.

    >>> list(runs([7, 3, 4, 3]))
    [range(3, 5), range(7, 8)]
    """
    run = range(0)
    for number in sorted(set(numbers)):
        if run and number == run.stop:
            run = range(run.start, number + 1)
            continue
        if run:
            yield run
        run = range(number, number + 1)
    if run:
        yield run


def discard(memory: GuestMemory, address: int, size_bytes: int) -> None:
    """Let memory read as zeros.

    Raises:
        GuestError: it is not all RAM; what was before its end may be gone.
    """
    for offset in range(0, size_bytes, len(_BLOCK)):
        left = size_bytes - offset
        memory.write(address + offset, _BLOCK if left >= len(_BLOCK) else _BLOCK[:left])
