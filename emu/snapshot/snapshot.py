"""A snapshot: the value of the state file, and guest memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emu.errors import IncompatibleError, MemoryFileError
from emu.formats import squib
from emu.formats.atomic import write_all_atomic
from emu.formats.envelope import read_file
from emu.formats.squib import MEMORY_SUFFIX, STATE_SUFFIX

RAM_SIZE_MIB_MAX = 1 << 20
"""1 TiB: more than any machine here could map, far less than an overflow."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen machine.

    Attributes:
        dialect: id of the format, for example `squib-0.2`.
        state: the value of the state file.
        memory: guest RAM from the DRAM base on, or the file that holds it.
    """

    dialect: str
    state: squib.Snapshot
    memory: bytes | Path

    @property
    def ram_size_bytes(self) -> int:
        """Size of guest RAM, as the state file has it.

        Raises:
            IncompatibleError: no machine has that much.
        """
        size_mib = self.state.data.vm_info.mem_size_mib
        if not 1 <= size_mib <= RAM_SIZE_MIB_MAX:
            raise IncompatibleError(
                f"data.vm_info.mem_size_mib is {size_mib}; expected 1 to {RAM_SIZE_MIB_MAX}"
            )
        return size_mib << 20

    def encode_state(self) -> bytes:
        """The state file."""
        return squib.encode(self.state)

    def save(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Write `name.snap` and `name.mem` into `directory`; the two paths.

        Both files appear whole, the state file first, or nothing changes.

        Raises:
            OSError: they can't be written.
        """
        state_path = directory / (name + STATE_SUFFIX)
        memory_path = directory / (name + MEMORY_SUFFIX)
        write_all_atomic({state_path: self.encode_state(), memory_path: self.memory_bytes()})
        return state_path, memory_path

    @classmethod
    def load(cls, state_path: Path, memory_path: Path | None = None) -> Snapshot:
        """Read a snapshot of the dialect squib-0.2.

        Args:
            state_path: the state file.
            memory_path: the memory file; by default the state file's name with `.mem`.

        Raises:
            SnapshotError: a file is not what it must be.
            OSError: the state file can't be read.
        """
        snapshot = cls(
            "squib-0.2",
            squib.load(read_file(state_path)),
            memory_path or state_path.with_suffix(MEMORY_SUFFIX),
        )
        snapshot.check_memory()
        return snapshot

    def check_memory(self) -> None:
        """Raise `MemoryFileError` unless the memory has the size that the state file gives."""
        expected = self.ram_size_bytes
        found = len(self.memory) if isinstance(self.memory, bytes) else _file_size(self.memory)
        if found != expected:
            name = "the memory" if isinstance(self.memory, bytes) else str(self.memory)
            raise MemoryFileError(
                f"{name} has {found} bytes; the state file asks for {expected} "
                f"({expected >> 20} MiB): it belongs to another snapshot, or was cut short"
            )

    def memory_bytes(self) -> bytes:
        """All of guest RAM.

        Raises:
            MemoryFileError: the memory file can't be read.
        """
        if isinstance(self.memory, bytes):
            return self.memory
        self.check_memory()
        return self.memory.read_bytes()


def _file_size(path: Path) -> int:
    try:
        if not path.is_file():
            raise MemoryFileError(
                f"{path}: there is no such memory file; it belongs beside the state file"
            )
        return path.stat().st_size
    except OSError as error:
        raise MemoryFileError(f"{path}: can't be read: {error.strerror}") from None
