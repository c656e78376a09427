"""A generic timer to compare others with: it is asked at every single cycle, and keeps no deadline.

Written from the architecture (DDI 0487 K.a, D12.2) and sharing no code with `emu.cpu.timer`: counts
are whole numbers modulo 2^64, and whether a timer fires is worked out anew each time.
"""

from __future__ import annotations

WRAP = 2**64


class ReferenceTimer:
    """One comparator: CTL, CVAL and TVAL, over a counter less an offset."""

    def __init__(self) -> None:
        self.offset = 0
        self.enable = False
        self.imask = False
        self.cval = 0

    def write(self, register: str, value: int, counter: int) -> None:
        """Write OFFSET, CTL, CVAL or TVAL while the system counter shows `counter`."""
        if register == "OFFSET":
            self.offset = value
        elif register == "CTL":
            self.enable = value % 2 == 1
            self.imask = value // 2 % 2 == 1
        elif register == "CVAL":
            self.cval = value
        else:
            distance = value % 2**32
            if distance >= 2**31:
                distance -= 2**32
            self.cval = (self._count(counter) + distance) % WRAP

    def read(self, register: str, counter: int) -> int:
        """Read CTL, CVAL or TVAL while the system counter shows `counter`."""
        if register == "CTL":
            met = self.enable and self._reached(counter)
            return 4 * met + 2 * self.imask + self.enable
        if register == "CVAL":
            return self.cval
        return (self.cval - self._count(counter)) % 2**32

    def output(self, counter: int) -> bool:
        """D12.2.4: the output is asserted while the condition is met and not masked."""
        return self.enable and not self.imask and self._reached(counter)

    def _count(self, counter: int) -> int:
        return (counter - self.offset) % WRAP

    def _reached(self, counter: int) -> bool:
        """CompareValue is unsigned: the condition is met from there to the counter's wrap."""
        return self._count(counter) >= self.cval
