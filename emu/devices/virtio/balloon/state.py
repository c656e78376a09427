"""All that a balloon keeps, under the names that Firecracker saves it by.

Source: Firecracker v1.9.0 to v1.16.1, `src/vmm/src/devices/virtio/balloon/persist.rs`. Up to v1.13
there is no hinting, and a state has ten statistics.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final

from emu.arch.virtio_balloon import HINT_STOP
from emu.devices.virtio.device import VirtioState
from emu.errors import IncompatibleError

_U16: Final = 0xFFFF
_U32: Final = (1 << 32) - 1
_U64: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BalloonStats:
    """What the guest last said of its memory, 64 bits each; None if it did not say.

    Attributes:
        swap_in: memory swapped in, in bytes.
        swap_out: memory swapped out, in bytes.
        major_faults: number of major page faults.
        minor_faults: number of minor page faults.
        free_memory: memory that is not in use at all, in bytes.
        total_memory: memory of the guest, in bytes.
        available_memory: memory that can be had without swapping, in bytes.
        disk_caches: memory that can be reclaimed at once, in bytes.
        hugetlb_allocations: number of huge pages that were allocated.
        hugetlb_failures: number of huge pages that could not be allocated.
        oom_kill: number of processes killed for want of memory.
        alloc_stall: number of times that an allocation had to wait.
        async_scan: memory scanned in the background, in bytes.
        direct_scan: memory scanned while an allocation waited, in bytes.
        async_reclaim: memory reclaimed in the background, in bytes.
        direct_reclaim: memory reclaimed while an allocation waited, in bytes.
    """

    swap_in: int | None = None
    swap_out: int | None = None
    major_faults: int | None = None
    minor_faults: int | None = None
    free_memory: int | None = None
    total_memory: int | None = None
    available_memory: int | None = None
    disk_caches: int | None = None
    hugetlb_allocations: int | None = None
    hugetlb_failures: int | None = None
    oom_kill: int | None = None
    alloc_stall: int | None = None
    async_scan: int | None = None
    direct_scan: int | None = None
    async_reclaim: int | None = None
    direct_reclaim: int | None = None


@dataclass(slots=True, kw_only=True)
class BalloonConfigSpace:
    """Sizes in the configuration space, in pages of 4 KiB, 32 bits each.

    Attributes:
        num_pages: the size that the host wants.
        actual_pages: the size that the driver says it has.
    """

    num_pages: int = 0
    actual_pages: int = 0


@dataclass(slots=True, kw_only=True)
class HintingState:
    """A run of hints of free pages; commands are of 32 bits.

    Attributes:
        host_cmd: the host's command, which the configuration space shows: 0 stop, 1 done, others
            name a run.
        last_cmd_id: the last run.
        guest_cmd: the command that the driver sent last; None before it has sent any.
        acknowledge_on_finish: whether the device says "done" when the driver stops.
    """

    host_cmd: int = HINT_STOP
    last_cmd_id: int = 0
    guest_cmd: int | None = None
    acknowledge_on_finish: bool = False


@dataclass(slots=True, kw_only=True)
class BalloonState:
    """A balloon; the defaults are those of one that no driver has touched.

    Attributes:
        stats_polling_interval_s: how often the guest is asked for statistics, in seconds, 16 bits;
            0 never.
        stats_desc_index: head of the chain of the statistics queue that the device holds.
        latest_stats: what the guest last said.
        config_space: the sizes.
        hinting_state: where hints of free pages have got.
        virtio: what all virtio devices have.
        stats_due_in_cycles: virtual time until the guest is asked next. No format of Firecracker's
            carries it: None, and a device that is active asks a whole interval later.
    """

    stats_polling_interval_s: int = 0
    stats_desc_index: int | None = None
    latest_stats: BalloonStats = field(default_factory=BalloonStats)
    config_space: BalloonConfigSpace = field(default_factory=BalloonConfigSpace)
    hinting_state: HintingState = field(default_factory=HintingState)
    virtio: VirtioState
    stats_due_in_cycles: int | None = None

    def check(self, where: str) -> None:
        """Raise `IncompatibleError` for a value that does not fit its field; `where` it is."""
        _check(where, "stats_polling_interval_s", self.stats_polling_interval_s, _U16)
        _check(where, "stats_desc_index", self.stats_desc_index, _U16)
        _check(where, "stats_due_in_cycles", self.stats_due_in_cycles, _U64)
        for part, most in (
            (self.latest_stats, _U64),
            (self.config_space, _U32),
            (self.hinting_state, _U32),
        ):
            for each in fields(part):
                _check(where, each.name, getattr(part, each.name), most)


def _check(where: str, name: str, value: int | None, most: int) -> None:
    if value is not None and not 0 <= value <= most:
        raise IncompatibleError(f"{where}: {name} is {value:#x}; expected 0 to {most:#x}")
