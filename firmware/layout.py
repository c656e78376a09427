"""The blocks of RAM through which a test and a guest talk, declared once.

Each block lies at the symbol that it names. The assembly sources take their offsets from here
too: `assembler_include()` is the `layout.inc` that they include.
"""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass, fields
from enum import IntEnum
from typing import ClassVar, Self

LOG_CAPACITY = 128
"""Entries in the interrupt log; interrupts beyond are counted, not logged."""


class Window(IntEnum):
    """How `quiet` keeps the VMGenID interrupt out while its window is open."""

    NONE = 0
    """It does not."""
    DAIF = 1
    """PSTATE.I masks all IRQs."""
    PMR = 2
    """ICC_PMR_EL1 masks VMGenID's priority; ticks still get in."""
    DISABLED = 3
    """The SPI is disabled in the distributor, and enabled again afterwards."""
    HANDLER = 4
    """The window is inside the handler of an SGI of higher priority; ticks preempt it."""


class Phase(IntEnum):
    """Where `quiet` is in relation to its window."""

    BEFORE = 0
    OPEN = 1
    AFTER = 2


@dataclass(frozen=True, slots=True)
class Block:
    """A run of 64-bit little-endian words, one for each field."""

    SYMBOL: ClassVar[str]

    @classmethod
    def size_bytes(cls) -> int:
        """Size in RAM."""
        return 8 * len(fields(cls))

    @classmethod
    def offsets(cls) -> dict[str, int]:
        """Byte offset of each field, by name."""
        return {field.name: 8 * index for index, field in enumerate(fields(cls))}

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The block at the start of `data`, which is at least as long as the block."""
        return cls(*struct.unpack_from(f"<{len(fields(cls))}Q", data))

    def to_bytes(self) -> bytes:
        """The block as it lies in RAM."""
        return struct.pack(f"<{len(fields(self))}Q", *astuple(self))


@dataclass(frozen=True, slots=True)
class Arguments(Block):
    """What a test may ask of a guest. Read by the guest from the start of `main` on."""

    SYMBOL = "arguments"

    mode: int
    """A `Window`; `heartbeat` ignores it."""
    ticks: int
    """Number of ticks after which the guest stops its timer; at least 1."""
    tick_period: int
    """Counts of CNTVCT_EL0 from one tick to the next."""
    rounds: int
    """Rounds of work before, in and after the window each, at least 1; `heartbeat` ignores it."""


@dataclass(frozen=True, slots=True)
class Results(Block):
    """What a guest has seen and computed so far."""

    SYMBOL = "results"

    ticks: int
    """Timer interrupts handled."""
    generations: int
    """VMGenID interrupts handled."""
    unchanged: int
    """Those of them that found the id seen last: a bug, unless it was replaced during boot."""
    id_low: int
    """Bits 63..0 of the generation id seen last, at boot or by an interrupt."""
    id_high: int
    """Bits 127..64 of it."""
    spurious: int
    """Acknowledgements that gave a special INTID (1020..1023)."""
    window: int
    """The current `Phase`; BEFORE for ever in `heartbeat`."""
    checksum: int
    """Of the general and vector registers, NZCV, FPCR, FPSR and `buffer`, after the last work."""
    thread_checksum: int
    """Of SP_EL0, TPIDR_EL0, TPIDRRO_EL0 and TPIDR_EL1, sampled in each round of work."""
    logged: int
    """Interrupts handled, also those that the log had no room for."""


@dataclass(frozen=True, slots=True)
class LogEntry(Block):
    """One handled interrupt, in the order of acknowledgement; written before its handler runs."""

    SYMBOL = "interrupt_log"

    intid: int
    window: int
    """The `Phase` at that time."""
    id_low: int
    """Bits 63..0 of the generation id in memory at that time, whatever the interrupt."""
    id_high: int
    """Bits 127..64 of it."""


@dataclass(frozen=True, slots=True)
class CheckArguments(Block):
    """What a test may ask of a guest that checks itself. Read from the start of `main` on."""

    SYMBOL = "check_arguments"

    iterations: int
    """How often the guest repeats what it repeats, at least 1; each guest says what that is."""
    vcpus: int
    """The most vCPUs to use; 0: all that the machine has."""


@dataclass(frozen=True, slots=True)
class CheckResults(Block):
    """How the checks of a guest went so far."""

    SYMBOL = "check_results"

    passed: int
    failed: int
    skipped: int
    first_failed: int
    """Number of the first check that failed, from 1 and with the skipped ones; 0: none did."""
    first_failed_name: int
    """Address of its name, which ends in a zero byte."""
    first_failed_actual: int
    first_failed_expected: int
    finished: int
    """1 once the guest has come to its end, whatever its checks said."""


@dataclass(frozen=True, slots=True)
class DiskArguments(Block):
    """What a test may ask of `disk`. Read from the start of `main` on."""

    SYMBOL = "disk_arguments"

    rounds: int
    """Pairs of sectors that are read and written, at least 1; sector 0 is the first read."""
    target_sector: int
    """The first sector that is written."""


@dataclass(frozen=True, slots=True)
class DiskResults(Block):
    """What `disk` has done so far."""

    SYMBOL = "disk_results"

    submitted: int
    """Requests made available to the device."""
    completed: int
    """Requests that the device gave back."""
    failed: int
    """Those of them with another status than VIRTIO_BLK_S_OK."""
    unexpected: int
    """Those of them that the device did not have: given back twice, or never made available."""
    interrupts: int
    """Interrupts of the device handled."""
    checksum: int
    """Of all data that was read; 0 until all is done."""
    finished: int
    """1 once all is done."""


@dataclass(frozen=True, slots=True)
class FrameArguments(Block):
    """What a test may ask of `frames`. Read from the start of `main` on."""

    SYMBOL = "frame_arguments"

    rounds: int
    """Pairs of frames that are sent, at least 1."""


@dataclass(frozen=True, slots=True)
class FrameResults(Block):
    """What `frames` has done so far."""

    SYMBOL = "frame_results"

    sent: int
    """Frames made available to the device."""
    returned: int
    """Those of them that the device gave back."""
    received: int
    """Echoes received, each the one that was due."""
    unexpected: int
    """Frames received that were not: lost before, twice, or of something else."""
    interrupts: int
    """Interrupts of the device handled."""
    finished: int
    """1 once all is done."""


BLOCKS: tuple[type[Block], ...] = (
    Arguments,
    Results,
    LogEntry,
    CheckArguments,
    CheckResults,
    DiskArguments,
    DiskResults,
    FrameArguments,
    FrameResults,
)


def log_size_bytes() -> int:
    """Size of the interrupt log."""
    return LOG_CAPACITY * LogEntry.size_bytes()


def log_from_bytes(data: bytes, results: Results) -> tuple[LogEntry, ...]:
    """The entries of an interrupt log of `log_size_bytes()`, as far as they are written."""
    size = LogEntry.size_bytes()
    used = min(results.logged, LOG_CAPACITY)
    return tuple(LogEntry.from_bytes(data[size * n : size * (n + 1)]) for n in range(used))


def assembler_include() -> str:
    """`layout.inc`: all of the above as assembler constants, and macros to define arguments."""
    constants = {"LOG_CAPACITY": LOG_CAPACITY}
    for enum in (Window, Phase):
        constants |= {f"{enum.__name__}_{member.name}": member for member in enum}
    for block in BLOCKS:
        constants |= {f"{block.__name__}_{name}": at for name, at in block.offsets().items()}
        constants[f"{block.__name__}_SIZE"] = block.size_bytes()
    lines = [f".set {name.upper()}, {value:d}" for name, value in constants.items()]
    for block in (Arguments, CheckArguments, DiskArguments, FrameArguments):
        names = list(block.offsets())
        lines += [
            f".macro {block.SYMBOL}_block {', '.join(names)}",
            f"{block.SYMBOL}:",
            *(f"    .quad \\{name}" for name in names),
            ".endm",
        ]
    return "\n".join(lines) + "\n"
