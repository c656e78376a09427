"""What stands around a device under test: memory, time, an interrupt line, entropy, and a record
of all that the guest could notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeVar, cast

from emu.core.clock import VirtualClock
from emu.core.deadlines import Deadlines
from emu.core.events import EventStream, Stamped
from emu.core.ram import Ram
from emu.devices.host import Host

RAM_BASE: Final = 0x8000_0000
RAM_SIZE_BYTES: Final = 0x2_0000
CYCLES_PER_S: Final = 1_000_000

T = TypeVar("T")


@dataclass(slots=True)
class Line:
    """An interrupt line that tells of each pulse, and of each change of its level."""

    tell: Callable[[str], None]
    high: bool = False

    def set_level(self, high: bool) -> None:
        """Drive the line."""
        if high != self.high:
            self.tell("the line rises" if high else "the line falls")
        self.high = high

    def pulse(self) -> None:
        """Drive the line high and low again."""
        self.tell("pulse")


@dataclass(slots=True)
class Notes:
    """What happened during one action.

    Attributes:
        interrupts: pulses of the line and changes of its level.
        events: what the device told, with the time.
        output: bytes that left the machine.
    """

    interrupts: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    output: bytearray = field(default_factory=bytearray)


class World:
    """The surroundings of one device. They outlive it: a device that is thawed finds them as the
    one before left them.

    Args:
        latency_cycles: how long after a notification a virtio device looks at its queue.

    Attributes:
        ram: guest memory, 128 KiB.
        clock: virtual time; it passes with each action.
        deadlines: of the device that is there at the moment.
        events: the stream that the device tells on.
        line: its interrupt.
        notes: what happened since they were last taken.
    """

    def __init__(self, *, latency_cycles: int = 0) -> None:
        self.ram = Ram(RAM_BASE, RAM_SIZE_BYTES)
        self.clock = VirtualClock(cycles_per_tick=1)
        self.events = EventStream(self.clock)
        self.events.subscribe(self._note_event)
        self.notes = Notes()
        self.line = Line(self._note_interrupt)
        self.latency_cycles = latency_cycles
        self._backends: dict[str, Any] = {}
        self._random = Random(0)
        self.forget_deadlines()

    def forget_deadlines(self) -> None:
        """The device is gone, and with it what it wanted to do later."""
        self.deadlines = Deadlines(self.clock, lambda: None)

    def host(self) -> Host:
        """The machine that a virtio device sees."""
        return Host(
            memory=self.ram,
            clock=self.clock,
            cycles_per_s=CYCLES_PER_S,
            deadlines=self.deadlines,
            events=self.events,
            entropy=self.entropy,
            latency_cycles=self.latency_cycles,
        )

    def backend(self, name: str, make: Callable[[], T]) -> T:
        """What stands behind a device, such as a disk: made once, and there for each device that
        is built in this world.
        """
        if name not in self._backends:
            self._backends[name] = make()
        return cast(T, self._backends[name])

    def entropy(self, size_bytes: int) -> bytes:
        """Bytes that depend on the action, and not on what was drawn in those before it: a thaw
        may draw some as well.
        """
        return self._random.randbytes(size_bytes)

    def begin(self, action: int) -> None:
        """The action of this number comes."""
        self._random = Random(action)

    def send(self, character: int) -> None:
        """A byte leaves the machine."""
        self.notes.output.append(character)

    def take_notes(self) -> Notes:
        """What happened, once."""
        taken, self.notes = self.notes, Notes()
        return taken

    def wait(self, cycles: int) -> None:
        """Let time pass, and the device do what is due meanwhile."""
        end = self.clock.now() + cycles
        while (due := self.deadlines.next_cycles()) is not None and due <= end:
            self.clock.advance(max(0, due - self.clock.now()))
            self.deadlines.run_due()
        self.clock.advance(end - self.clock.now())

    def _note_interrupt(self, what: str) -> None:
        self.notes.interrupts.append(what)

    def _note_event(self, stamped: Stamped) -> None:
        self.notes.events.append(str(stamped))
