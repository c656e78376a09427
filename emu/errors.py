"""The one error tree. Every error that this project raises on purpose is a `ThawbenchError`.

A message says what was found, where, what was expected and what to do about it. The command line
prints it as one line and exits with 2; nothing else needs to be parsed out of it, because the
parts that a program may want are attributes.
"""

from __future__ import annotations

from typing import Literal

Errno = Literal[
    "E2BIG", "EBUSY", "EEXIST", "EFAULT", "EINVAL", "ENODEV", "ENOENT", "ENOEXEC", "ENXIO"
]
"""Error numbers of KVM's calls, by name."""


class ThawbenchError(Exception):
    """Root of all errors raised on purpose."""


# --- bytes: wire formats, state files, memory files ------------------------------------------


class SnapshotError(ThawbenchError):
    """A snapshot (state file, memory file, or a value meant for one) is not acceptable."""


class UnknownFormatError(SnapshotError):
    """The format of a state file can't be told, or none has the id that was given."""


class DecodeError(SnapshotError):
    """Bytes are not an encoding of the schema.

    Attributes:
        offset: byte offset in the encoded value where decoding stopped.
        path: dotted field path that was being decoded, for example
            `data.vcpu_states[].sys_regs`; empty for the root.
    """

    def __init__(self, message: str, *, offset: int, path: str = "") -> None:
        where = f"at byte {offset}" + (f", in {path}" if path else "")
        super().__init__(f"{message} ({where})")
        self.offset = offset
        self.path = path


class EncodeError(SnapshotError):
    """A value does not fit its schema, so it has no encoding.

    Attributes:
        path: dotted field path of the offending value.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class SizeLimitError(SnapshotError):
    """The state file is larger than the loader reads."""


class TooShortError(SnapshotError):
    """The state file is shorter than its checksum."""


class CrcError(SnapshotError):
    """The CRC-64 over the state file does not come out as zero."""


class MagicError(SnapshotError):
    """The header's magic number is not that of the format and architecture."""


class VersionError(SnapshotError):
    """The header's version is not one that the loader reads."""


class IncompatibleError(SnapshotError):
    """The state is well formed, and the loader or this machine can't take it."""


class MemoryFileError(SnapshotError):
    """The memory file is missing or does not belong to the state file."""


class ValueFileError(SnapshotError):
    """A JSON file is not the value of a state file."""


class PathError(SnapshotError):
    """A field path or pattern can't be read, or leads to nothing."""


class EditError(SnapshotError):
    """An assignment can't be carried out: its value does not fit, or its place can't change."""


class PlanError(SnapshotError):
    """A save or restore plan names an unknown step or gives it wrong arguments."""


# --- the machine -----------------------------------------------------------------------------


class MachineError(ThawbenchError):
    """The machine can't be built, or can't go on."""


class EngineError(MachineError):
    """The installed Unicorn is not what the CPU model expects of it."""


class BoardError(MachineError):
    """A board can't be configured as asked, or its image does not fit."""


class ScheduleError(MachineError):
    """A schedule of vCPUs is impossible: no instructions in a turn, or a vCPU that there is not."""


class GuestError(MachineError):
    """The guest did what this machine does not model, for example went to AArch32."""


class DriverError(MachineError):
    """A driver broke a rule of virtio so that its device can't go on: the device needs a reset."""


class BackingError(MachineError):
    """What stands behind a device, a disk's file above all, can't be used as asked."""


class FrameError(MachineError):
    """An Ethernet frame is not what it is said to be, so that it can't be worked on."""


class KvmError(MachineError):
    """KVM refuses a call.

    Attributes:
        errno: name of the error number, for example `EINVAL`.
        call: the ioctl, and of a device the attribute too.
    """

    def __init__(self, errno: Errno, call: str, message: str) -> None:
        super().__init__(f"{call}: {errno}: {message}")
        self.errno = errno
        self.call = call


class EventFileError(ThawbenchError):
    """A file of events has a line that is not one."""


class InputRecordingError(ThawbenchError):
    """A recording of console input has a line that is not one, or is of another run."""


class CaptureError(ThawbenchError):
    """A capture of network traffic is not one, or is damaged."""


class SymbolError(ThawbenchError):
    """A file of symbols can't be used."""


class FirmwareError(ThawbenchError):
    """A guest program is unknown or its image is damaged."""
