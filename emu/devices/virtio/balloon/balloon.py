"""Virtio memory balloon.

The guest gives up pages through the inflate queue, and takes them back through the deflate queue,
until it has given up as many as the host wants. Pages that were given up read as zeros. Through
three more queues, which are there if their feature is offered, it tells of its memory, and which
of its pages hold nothing.

Sources: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 5.5; and where it leaves a choice,
Firecracker v1.9.0 to v1.16.1, `src/vmm/src/devices/virtio/balloon/device.rs`: limits, when buffers
go back, hints and what a restore does to them (as from v1.15 on). Where this one differs:

* The driver can write `actual` and nothing else of the configuration space.
* A buffer with more page frames than the limit is given back; Firecracker keeps it for good.
* Statistics that are not known are passed over in every release; up to v1.14 Firecracker stops at
  the first, and does not give that buffer back: Linux 6.12 on v1.9 to v1.13 tells once.
* Ranges of free pages are what the device may write, and commands what it may read; Firecracker
  goes by whether they are of four bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from emu.arch.virtio import BALLOON
from emu.arch.virtio_balloon import (
    ACTUAL_OFFSET,
    ACTUAL_SIZE_BYTES,
    CONFIG,
    CONFIG_SIZE_WITHOUT_HINTS_BYTES,
    PAGE_FRAME_NUMBER,
    PAGE_SIZE_BYTES,
    PAGES_PER_MIB,
    BalloonFeature,
)
from emu.core.events import MemoryDiscarded
from emu.devices.host import Host
from emu.devices.virtio.balloon.hints import Hints
from emu.devices.virtio.balloon.pages import discard, page_frames, runs
from emu.devices.virtio.balloon.state import (
    BalloonConfigSpace,
    BalloonState,
    BalloonStats,
    HintingState,
)
from emu.devices.virtio.balloon.statistics import Statistics
from emu.devices.virtio.chain import Chain
from emu.devices.virtio.device import VirtioDevice
from emu.errors import BoardError, GuestError, IncompatibleError, MachineError

PAGES_OF_A_BUFFER_MAX: Final = 256
POLLING_INTERVAL_MAX_S: Final = 0xFFFF

_PAGES_MAX: Final = 0xFFFF_FFFF


def pages_of_mib(name: str, amount_mib: int) -> int:
    """The size of a balloon in its pages; `BoardError` if 32 bits can't hold it."""
    if not 0 <= amount_mib <= _PAGES_MAX // PAGES_PER_MIB:
        raise BoardError(
            f"balloon {name}: a size of {amount_mib} MiB; expected 0 to "
            f"{_PAGES_MAX // PAGES_PER_MIB}"
        )
    return amount_mib * PAGES_PER_MIB


class Balloon(VirtioDevice):
    """A balloon.

    Args:
        name: its id.
        host: the machine.
        features: what it offers, and so which queues it has.
        queue_size: largest size of each queue, in descriptors.
        knows_hints: whether the configuration space has the command for hints of free pages,
            which it may have without offering them.
        target_pages: the size that the host wants at first, in pages of 4 KiB.
        stats_polling_interval_s: how often the guest is asked for statistics, in seconds; 0 if
            STATS_VQ is not offered.
    """

    type = BALLOON

    def __init__(
        self,
        name: str,
        host: Host,
        *,
        features: int,
        queue_size: int,
        knows_hints: bool,
        target_pages: int,
        stats_polling_interval_s: int,
    ) -> None:
        sizes = [queue_size] * _queue_count(features)
        super().__init__(name, host, features=features, queue_sizes=sizes)
        self._knows_hints = knows_hints
        self._sizes = BalloonConfigSpace(num_pages=target_pages)
        self._statistics = Statistics(self, stats_polling_interval_s)
        self._hints = Hints(self, self._discard_writable)

    # --- for the host ------------------------------------------------------------------------

    @property
    def target_mib(self) -> int:
        """The size that the host wants, in MiB, rounded down."""
        return self._sizes.num_pages // PAGES_PER_MIB

    @property
    def actual_mib(self) -> int:
        """The size that the driver says it has, in MiB, rounded down."""
        return self._sizes.actual_pages // PAGES_PER_MIB

    @property
    def latest_stats(self) -> BalloonStats:
        """What the guest last said of its memory."""
        return self._statistics.latest

    def set_target_mib(self, amount_mib: int) -> None:
        """Tell the driver another size, in MiB, that the balloon shall have.

        Raises:
            BoardError: the size is too large.
            MachineError: no driver has started the device.
        """
        pages = pages_of_mib(self.name, amount_mib)
        self._check_active()
        self._sizes.num_pages = pages
        self.connection.notify_configuration()

    def set_stats_polling_interval_s(self, interval_s: int) -> None:
        """Ask for statistics at once, and then in this interval, in seconds.

        Raises:
            BoardError: the device was made without statistics, or they would be turned off.
            MachineError: no driver has started the device.
        """
        statistics = self._statistics
        if not (0 < interval_s <= POLLING_INTERVAL_MAX_S and statistics.interval_s):
            raise BoardError(
                f"balloon {self.name}: an interval of {interval_s} s, and it has "
                f"{statistics.interval_s}; expected 1 to {POLLING_INTERVAL_MAX_S}, and no change "
                "from or to 0"
            )
        self._check_active()
        self.guarded(statistics.ask)
        statistics.interval_s = interval_s
        statistics.start()

    def start_hinting(self, *, acknowledge_on_finish: bool = True) -> None:
        """Ask the driver which pages are free.

        Args:
            acknowledge_on_finish: whether to let it have them back as soon as it has told all.

        Raises:
            BoardError: hinting is not offered.
            MachineError: no driver has started the device.
        """
        self._check_hinting()
        self._hints.start(acknowledge_on_finish=acknowledge_on_finish)

    def stop_hinting(self) -> None:
        """Let the driver have the pages back that it told of.

        Raises:
            BoardError: hinting is not offered.
            MachineError: no driver has started the device.
        """
        self._check_hinting()
        self._hints.finish()

    # --- for the transport -------------------------------------------------------------------

    @property
    def config_space(self) -> bytes:
        """`struct virtio_balloon_config`, up to what the monitor knows of it."""
        sizes = self._sizes
        space = CONFIG.pack(sizes.num_pages, sizes.actual_pages, self._hints.state.host_cmd)
        return space if self._knows_hints else space[:CONFIG_SIZE_WITHOUT_HINTS_BYTES]

    def write_config(self, offset: int, data: bytes) -> None:
        """The driver writes to the configuration space, which it can do to `actual`."""
        start = offset - ACTUAL_OFFSET
        if not 0 <= start <= ACTUAL_SIZE_BYTES - len(data):
            super().write_config(offset, data)
            return
        actual = bytearray(self._sizes.actual_pages.to_bytes(ACTUAL_SIZE_BYTES, "little"))
        actual[start : start + len(data)] = data
        self._sizes.actual_pages = int.from_bytes(actual, "little")

    def activate(self) -> None:
        """The driver starts the device: statistics are due one interval later."""
        super().activate()
        self._statistics.start()

    def reset(self) -> None:
        """The driver resets the device, and has all its pages back. What the host wants stays."""
        super().reset()
        self._statistics.reset()
        self._sizes.actual_pages = 0
        self._hints.state = HintingState()

    def kick(self) -> None:
        """Look at all queues, and end a run of hints: what was hinted before a restore may not be
        in its memory.
        """
        if self.activated and self._offers(BalloonFeature.FREE_PAGE_HINT):
            self._hints.finish()
        super().kick()

    def process(self, queue: int) -> None:
        """The driver may have made buffers available in this queue."""
        optional: dict[int, Callable[[int], None]] = {
            BalloonFeature.STATS_VQ: self._statistics.take,
            BalloonFeature.FREE_PAGE_HINT: self._hints.take,
            BalloonFeature.PAGE_REPORTING: self._take_reports,
        }
        there = [optional[bit] for bit in _OPTIONAL_QUEUES if self._offers(bit)]
        [self._inflate, self._deflate, *there][queue](queue)

    # --- state -------------------------------------------------------------------------------

    def state(self) -> BalloonState:
        """A copy of the device's state."""
        statistics = self._statistics
        return BalloonState(
            stats_polling_interval_s=statistics.interval_s,
            stats_desc_index=statistics.held,
            latest_stats=statistics.latest,
            config_space=replace(self._sizes),
            hinting_state=replace(self._hints.state),
            virtio=self.virtio_state(),
            stats_due_in_cycles=statistics.due_in_cycles,
        )

    def load_state(self, state: BalloonState) -> None:
        """Become `state`. No interrupt is raised, and no page discarded.

        Raises:
            IncompatibleError: a value does not fit, or the state is of a device with other queues.
        """
        self._check_state(state)
        self.load_virtio_state(state.virtio)
        self._sizes = replace(state.config_space)
        self._hints.state = replace(state.hinting_state)
        statistics = self._statistics
        statistics.reset()
        statistics.interval_s = state.stats_polling_interval_s
        statistics.held, statistics.latest = state.stats_desc_index, state.latest_stats
        if self.activated:
            statistics.start(state.stats_due_in_cycles)

    # --- inflate and deflate -----------------------------------------------------------------

    def _inflate(self, queue: int) -> None:
        self.drain(queue, self._give_up)

    def _give_up(self, chain: Chain) -> int:
        """Discard the pages that a chain names."""
        size_bytes = chain.readable_size_bytes
        most = PAGES_OF_A_BUFFER_MAX * PAGE_FRAME_NUMBER.size
        if chain.writable or size_bytes > most or size_bytes % PAGE_FRAME_NUMBER.size:
            self.tell_violation(
                f"an array of page frames of {size_bytes} bytes, and {chain.writable_size_bytes} "
                f"to write; expected a multiple of {PAGE_FRAME_NUMBER.size}, at most {most}, and "
                "nothing to write"
            )
        else:
            for run in runs(page_frames(chain.read())):
                self._discard(run.start * PAGE_SIZE_BYTES, len(run) * PAGE_SIZE_BYTES)
        return 0

    def _deflate(self, queue: int) -> None:
        """The pages are the driver's again, whatever it names: there is nothing to give."""
        self.drain(queue, lambda _chain: 0)

    def _discard(self, address: int, size_bytes: int) -> None:
        if address % PAGE_SIZE_BYTES or size_bytes % PAGE_SIZE_BYTES:
            self.tell_violation(
                f"{size_bytes} bytes at {address:#x} are given up, which are not whole pages"
            )
            return
        try:
            discard(self.host.memory, address, size_bytes)
        except GuestError as error:
            self.tell_violation(f"memory is given up that is no RAM: {error}")
            return
        if self.host.events.active:
            self.host.events.emit(MemoryDiscarded(self.name, address, size_bytes))

    # --- free pages --------------------------------------------------------------------------

    def _take_reports(self, queue: int) -> None:
        self.drain(queue, self._take_report)

    def _take_report(self, chain: Chain) -> int:
        if chain.readable:
            self.tell_violation("a report of free pages has buffers that can't be written")
        self._discard_writable(chain)
        return 0

    def _discard_writable(self, chain: Chain) -> None:
        for address, size_bytes in chain.writable:
            self._discard(address, size_bytes)

    # --- checks ------------------------------------------------------------------------------

    def _offers(self, feature: int) -> bool:
        return bool(self.avail_features >> feature & 1)

    def _check_active(self) -> None:
        if not self.activated:
            raise MachineError(
                f"balloon {self.name}: no driver has started it: run the guest until one has"
            )

    def _check_hinting(self) -> None:
        if not self._offers(BalloonFeature.FREE_PAGE_HINT):
            raise BoardError(
                f"balloon {self.name}: it was made without hints of free pages: make it with "
                "free_page_hinting"
            )
        self._check_active()

    def _check_state(self, state: BalloonState) -> None:
        where = f"state of the device {self.name}"
        state.check(where)
        features = state.virtio.avail_features
        if _queue_count(features) != len(self.queues):
            raise IncompatibleError(
                f"{where}: the features that it offers call for {_queue_count(features)} queues; "
                f"expected {len(self.queues)}"
            )
        if bool(state.stats_polling_interval_s) != bool(features >> BalloonFeature.STATS_VQ & 1):
            raise IncompatibleError(
                f"{where}: stats_polling_interval_s is {state.stats_polling_interval_s}, and "
                f"avail_features is {features:#x}; expected STATS_VQ, and an interval, or neither"
            )


_OPTIONAL_QUEUES: Final = (
    BalloonFeature.STATS_VQ,
    BalloonFeature.FREE_PAGE_HINT,
    BalloonFeature.PAGE_REPORTING,
)
"""The features that call for a queue each, in the order of the queues. They stand behind those for
inflating and deflating without gaps, as Linux looks for them and Firecracker has them."""


def _queue_count(features: int) -> int:
    return 2 + sum(features >> bit & 1 for bit in _OPTIONAL_QUEUES)
