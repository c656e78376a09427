"""A PL031 with a host's clock that stands still, and its registers by name."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from emu.arch.pl031 import PL031
from emu.devices.pl031 import Pl031, Pl031State

NOW_S = 1_790_000_000
"""In 2026."""


@dataclass
class Bench:
    """A clock, and the time of its host."""

    now_s: int = NOW_S

    def __post_init__(self) -> None:
        self.rtc = Pl031(lambda: self.now_s)

    def __getitem__(self, name: str) -> int:
        return self.rtc.read(PL031[name], 4)

    def __setitem__(self, name: str, value: int) -> None:
        self.rtc.write(PL031[name], 4, value)


def states() -> st.SearchStrategy[Pl031State]:
    """Any state that the clock can hold."""
    word = st.integers(0, 0xFFFF_FFFF)
    offset = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-(1 << 32), 1 << 32)
    return st.builds(Pl031State, lr=word, offset=offset, mr=word, imsc=word, ris=word)
