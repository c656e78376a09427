"""What `describe` tells of a state file as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from emu.inspect.describe.views.state import StateView


@dataclass(frozen=True, slots=True)
class FormatView:
    """The format that a file was read as.

    Attributes:
        id: its id.
        written_by: the releases that write it.
        also: ids of other formats that the file is an encoding of.
    """

    id: str
    written_by: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeaderView:
    """The header. `version` is None where it can't be read, `architecture` where it is unknown."""

    magic: int
    architecture: str | None
    version: str | None
    encoding: str


@dataclass(frozen=True, slots=True)
class ChecksumView:
    """The CRC-64 that the file ends with, and the one it should end with."""

    stored: int
    computed: int
    ok: bool


@dataclass(frozen=True, slots=True)
class MemoryView:
    """The memory file that goes with a state file.

    Attributes:
        size_bytes: None if there is no such file.
        expected_size_bytes: what the regions take; None if the state file does not decode.
    """

    path: str
    size_bytes: int | None
    expected_size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the loader refuses the file.

    Attributes:
        error: the name of a class in `emu.errors`.
        loader_error: what the VMM calls it; None if it has no name for it.
    """

    error: str
    message: str
    loader_error: str | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """All that can be told of one state file.

    Attributes:
        format: None if it can't be told.
        checksum: None if the file has not the size for one.
        header: None if there is none.
        trailing_size_bytes: bytes between state and checksum, which no loader looks at; None if
            the body does not decode.
        problems: in the order of the loader's checks; empty if it loads.
        state: None if the body does not decode, or is like no VMM's that is known here.
        memory: None if not looked for.
    """

    size_bytes: int
    format: FormatView | None
    checksum: ChecksumView | None
    header: HeaderView | None
    trailing_size_bytes: int | None
    problems: tuple[Problem, ...]
    state: StateView | None = None
    memory: MemoryView | None = None
