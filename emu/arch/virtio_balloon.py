"""Virtio's traditional memory balloon: queues, configuration space, statistics, commands.

Sources: Virtual I/O Device (VIRTIO) version 1.2, OASIS, section 5.5; the statistics from tag 10 on
are Linux's, `include/uapi/linux/virtio_balloon.h` of 6.12. All is little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

PAGE_SIZE_BYTES: Final = 4096
"""Size of a balloon's page, whatever the guest's pages are (5.5.6)."""

PAGES_PER_MIB: Final = (1 << 20) // PAGE_SIZE_BYTES

PAGE_FRAME_NUMBER: Final = struct.Struct("<I")
"""How the inflate and the deflate queue name a page: its address, divided by 4096 (5.5.6)."""


class BalloonFeature:
    """Features of a balloon, by bit (5.5.3)."""

    STATS_VQ: Final = 1
    DEFLATE_ON_OOM: Final = 2
    FREE_PAGE_HINT: Final = 3
    PAGE_REPORTING: Final = 5


CONFIG: Final = struct.Struct("<III")
"""`struct virtio_balloon_config` without `poison_val`: `num_pages`, `actual`,
`free_page_hint_cmd_id` (5.5.4)."""

CONFIG_SIZE_WITHOUT_HINTS_BYTES: Final = 8
ACTUAL_OFFSET: Final = 4
ACTUAL_SIZE_BYTES: Final = 4

STATISTIC: Final = struct.Struct("<HQ")
"""`struct virtio_balloon_stat`: tag and value (5.5.6.3)."""

STATISTICS: Final[Mapping[int, str]] = {
    0: "swap_in",
    1: "swap_out",
    2: "major_faults",
    3: "minor_faults",
    4: "free_memory",
    5: "total_memory",
    6: "available_memory",
    7: "disk_caches",
    8: "hugetlb_allocations",
    9: "hugetlb_failures",
    10: "oom_kill",
    11: "alloc_stall",
    12: "async_scan",
    13: "direct_scan",
    14: "async_reclaim",
    15: "direct_reclaim",
}
"""The statistics by tag (5.5.6.4), under the names that Firecracker gives them."""

HINT_COMMAND: Final = struct.Struct("<I")

HINT_STOP: Final = 0
"""VIRTIO_BALLOON_CMD_ID_STOP: hint no more, and keep the pages that were hinted (5.5.6.5)."""

HINT_DONE: Final = 1
"""VIRTIO_BALLOON_CMD_ID_DONE: hint no more, and use the pages again."""

HINT_FIRST: Final = 2
"""The lowest command that names a run."""
