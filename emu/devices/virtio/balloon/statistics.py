"""The statistics queue of a balloon: the device asks in an interval, and the guest tells.

It is driven by the device, which holds a buffer of the driver's, and asks by giving it back; the
driver then makes one available with what there is to tell (virtio 1.2, 5.5.6.3).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from emu.arch.virtio_balloon import STATISTIC, STATISTICS
from emu.core.deadlines import Deadline
from emu.devices.virtio.balloon.state import BalloonStats
from emu.devices.virtio.chain import Chain
from emu.devices.virtio.device import VirtioDevice

STATISTICS_QUEUE: Final = 2
"""Its index in a device that has one."""

STATISTICS_MAX: Final = 256
"""Most entries of a buffer, as in Firecracker v1.16.1."""


class Statistics:
    """What the guest tells of its memory, and when it is asked.

    Args:
        device: the balloon.
        interval_s: how often it is asked, in seconds of virtual time; 0 for never.

    Attributes:
        interval_s: as above.
        held: head of the chain that the device holds; None if it holds none.
        latest: what the guest said last.
    """

    def __init__(self, device: VirtioDevice, interval_s: int) -> None:
        self._device = device
        self._timer: Deadline | None = None
        self.interval_s = interval_s
        self.held: int | None = None
        self.latest = BalloonStats()

    @property
    def due_in_cycles(self) -> int | None:
        """Virtual time until the guest is asked next; None if it won't be."""
        now = self._device.host.clock.now()
        return None if self._timer is None else max(self._timer.cycles - now, 0)

    def reset(self) -> None:
        """Nothing is held or known, and nobody asked."""
        self._stop()
        self.held, self.latest = None, BalloonStats()

    def start(self, due_in_cycles: int | None = None) -> None:
        """Ask in so many cycles, an interval by default, and then in every interval; not if that
        is 0.
        """
        self._stop()
        if self.interval_s:
            interval = self.interval_s * self._device.host.cycles_per_s
            after = interval if due_in_cycles is None else due_in_cycles
            self._timer = self._device.host.deadlines.after(after, self._expired)

    def ask(self) -> None:
        """Give back the buffer that is held, if there is one."""
        if self.held is not None:
            head, self.held = self.held, None
            self._device.give_back(STATISTICS_QUEUE, head, 0)
            self._device.interrupt(STATISTICS_QUEUE)

    def take(self, queue: int) -> None:
        """Take the buffers that are available in their queue, and hold the last.

        Raises:
            DriverError: the driver broke a rule.
        """
        source = self._device.queues[queue]
        while not source.arm():
            chain = source.pop()
            if chain is None:
                break
            if self.held is not None:
                self._device.tell_violation("there is a second buffer in the statistics queue")
                self.ask()
            self.held = chain.head
            self._read(chain)

    def _read(self, chain: Chain) -> None:
        size_bytes, most = chain.readable_size_bytes, STATISTICS_MAX * STATISTIC.size
        if size_bytes > most:
            self._device.tell_violation(
                f"statistics of {size_bytes} bytes; expected at most {most}"
            )
        else:
            self.latest = told(self.latest, chain.read())

    def _expired(self) -> None:
        self.start()
        self._device.guarded(self.ask)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def told(stats: BalloonStats, data: bytes) -> BalloonStats:
    """`stats` with what a buffer says. Tags that are not known are passed over, and so is what is
    left of the last entry.
    """
    whole = len(data) - len(data) % STATISTIC.size
    values = {
        STATISTICS[tag]: value
        for tag, value in STATISTIC.iter_unpack(data[:whole])
        if tag in STATISTICS
    }
    return replace(stats, **values)
