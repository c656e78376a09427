"""squib's state file, version 5.0.0: schema and loader of the crate squib-snapshot 0.2.0.

The schema has the Rust types' fields in their order (crate sources `state.rs`, `envelope.rs`);
the loader makes the checks of `load.rs` in their order, each with its own error type. Firecracker's
own version 5.0.0 is another format: it is written in bincode.
"""

from __future__ import annotations

import builtins
import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from emu.errors import DecodeError, IncompatibleError, MagicError, VersionError
from emu.formats import envelope
from emu.formats.envelope import ARCHITECTURES, MAGIC_AARCH64
from emu.wire import bitcode, semver
from emu.wire.schema import Array, Struct, u32, u64
from emu.wire.semver import Semver

VERSION = "5.0.0"
"""The version that squib 0.2 writes."""

VERSION_MAJOR, VERSION_MINOR_MAX = 5, 0
"""The versions that squib 0.2 reads: the patch number does not matter."""

MAX_STATE_SIZE_BYTES = 10_000_000
"""The largest state file that the loader reads, checksum included."""

VCPU_COUNT_MAX = 32

STATE_SUFFIX = ".snap"
MEMORY_SUFFIX = ".mem"
"""The memory file has the state file's name, but for the suffix."""


# --- schema ----------------------------------------------------------------------------------


class SnapshotHdr(Struct):
    """What the file is.

    Attributes:
        magic: Names the family of formats and the architecture.
        version: Version of the schema, as squib counts it.
    """

    magic: u64
    version: Semver


class VmInfo(Struct):
    """How the VM was configured when it was started.

    Attributes:
        mem_size_mib: Guest RAM, in MiB.
        smt: Simultaneous multithreading; Arm vCPUs have none.
        cpu_template: Name of the CPU template; empty or "None" if none was used.
        kernel_image_path: The kernel, on the host that took the snapshot.
        initrd_path: The initial RAM disk, on that host.
        boot_args: The kernel's command line, as the user gave it.
        track_dirty_pages: Whether a diff snapshot can be taken.
    """

    mem_size_mib: u64
    smt: bool
    cpu_template: str
    kernel_image_path: str
    initrd_path: str | None
    boot_args: str
    track_dirty_pages: bool


class GpRegs(Struct):
    """General-purpose registers.

    Attributes:
        x: X0 to X30.
        sp: SP_EL1.
        pc: Address of the next instruction.
        pstate: PSTATE in the form of SPSR_EL1.
    """

    x: Annotated[tuple[int, ...], Array(u64, 31)]
    sp: u64
    pc: u64
    pstate: u64


class FpSimdRegs(Struct):
    """Floating-point and SIMD registers.

    Attributes:
        v: V0 to V31, each as its low and its high 64 bits.
        fpsr: FPSR.
        fpcr: FPCR.
    """

    v: Annotated[tuple[tuple[int, ...], ...], Array(Array(u64, 2), 32)]
    fpsr: u64
    fpcr: u64


class PsciState(enum.Enum):
    """Power state of a vCPU (PSCI 1.1, AFFINITY_INFO)."""

    On = "On"
    Off = "Off"
    OnPending = "OnPending"


class VcpuState(Struct):
    """One vCPU.

    Attributes:
        mpidr: Its affinity, as MPIDR_EL1 shows it.
        sys_regs: System registers by `squib_key` of `emu.arch.sysregs`.
        psci_state: Power state when it was saved; squib turns on vCPU 0 alone, whatever it says.
    """

    mpidr: u64
    regs: GpRegs
    fp_regs: FpSimdRegs
    sys_regs: dict[u64, u64]
    psci_state: PsciState


class DeviceState(Struct):
    """One device.

    Attributes:
        kind: What it is, for example "virtio-block".
        id: What the user called it.
        mmio_slot: Index of its virtio-mmio window.
        blob: Its state, for the device alone to read.
    """

    kind: str
    id: str
    mmio_slot: u32
    blob: bytes


class DeviceStates(Struct):
    """The devices.

    Attributes:
        devices: Sorted by `mmio_slot`, then `id`.
    """

    devices: list[DeviceState]


class GicState(Struct):
    """The interrupt controller, in bytes that only their maker can read.

    On a Mac they come from `hv_gic_state_get_data`, which leaves out the ICC_* registers.

    Attributes:
        len: How many bytes there are.
        bytes: The bytes.
    """

    len: u64
    bytes: builtins.bytes


class MmdsState(Struct):
    """The metadata store.

    Attributes:
        data_json: Its content as JSON; "null" when empty.
        token_ttl_seconds: Lifetime of a session token, in seconds; None for MMDS version 1.
    """

    data_json: str
    token_ttl_seconds: u32 | None


class MicrovmState(Struct):
    """Everything but guest RAM, which is in the memory file.

    Attributes:
        mmds_state: None leaves the store of the VM that restores as it is.
    """

    vm_info: VmInfo
    vcpu_states: list[VcpuState]
    device_states: DeviceStates
    gic_state: GicState
    mmds_state: MmdsState | None


class Snapshot(Struct):
    """The whole state file, without its checksum."""

    header: SnapshotHdr
    data: MicrovmState


# --- encoder and loader ----------------------------------------------------------------------


def encode(snapshot: Snapshot) -> bytes:
    """The state file of `snapshot`; raises `EncodeError` if a value does not fit its field."""
    return envelope.seal(bitcode.encode(Snapshot, snapshot))


def decode_body(body: bytes) -> Snapshot:
    """The value of a state file without its checksum; raises `DecodeError`.

    If the header is that of another format, the message says which.
    """
    try:
        return bitcode.decode(Snapshot, body)
    except DecodeError as error:
        error.args = (f"{error}{_header_hint(body)}",)
        raise


def decode(data: bytes) -> Snapshot:
    """The value of a state file whose size, checksum and encoding are right, whatever it says.

    Raises `SizeLimitError`, `TooShortError`, `CrcError` or `DecodeError`.
    """
    envelope.check_size(data, MAX_STATE_SIZE_BYTES)
    envelope.check_crc(envelope.checksum(data))
    return decode_body(envelope.body(data))


def read_file(path: Path) -> bytes:
    """The bytes of a state file; raises `OSError`.

    Of a file that is too large, one byte more than the limit: enough for `decode` to refuse it.
    """
    with path.open("rb") as file:
        return file.read(MAX_STATE_SIZE_BYTES + 1)


def load(data: bytes) -> Snapshot:
    """The value of a state file that squib's loader accepts.

    Raises what `decode` raises, then `MagicError`, `VersionError` or `IncompatibleError`.
    """
    snapshot = decode(data)
    verify_header(snapshot.header)
    verify_compatible(snapshot.data)
    return snapshot


def verify_header(header: SnapshotHdr) -> None:
    """Raise `MagicError` or `VersionError` unless the header is one that squib 0.2 reads."""
    for problem in header_problems(header):
        raise problem


def verify_compatible(state: MicrovmState) -> None:
    """Raise `IncompatibleError` unless squib can restore a VM of this shape."""
    for problem in compatibility_problems(state):
        raise problem


def header_problems(header: SnapshotHdr) -> Iterator[MagicError | VersionError]:
    """What the loader has against a header, in the order of its checks."""
    if header.magic != MAGIC_AARCH64:
        found = f"{header.magic:#018x}"
        if header.magic in ARCHITECTURES:
            found += f", an {ARCHITECTURES[header.magic]} snapshot"
        yield MagicError(
            f"header.magic is {found}; expected {MAGIC_AARCH64:#018x}, an aarch64 snapshot; "
            "only those can be restored here"
        )
    version = semver.parse(header.version)
    if version is None or version[0] != VERSION_MAJOR or version[1] > VERSION_MINOR_MAX:
        yield VersionError(
            f"header.version is {header.version[:80]!r}; expected {VERSION_MAJOR}."
            f"{VERSION_MINOR_MAX}.x, which squib 0.2 writes; take the snapshot with that release"
        )


def compatibility_problems(state: MicrovmState) -> Iterator[IncompatibleError]:
    """What the loader has against a state, in the order of its checks."""
    vcpus = len(state.vcpu_states)
    if not 1 <= vcpus <= VCPU_COUNT_MAX:
        yield IncompatibleError(
            f"data.vcpu_states has {vcpus} vCPUs; squib restores 1 to {VCPU_COUNT_MAX}"
        )
    if state.vm_info.smt:
        yield IncompatibleError(
            "data.vm_info.smt is true; Arm vCPUs have no SMT, so squib wants false"
        )
    gic = state.gic_state
    if not gic.bytes:
        yield IncompatibleError(
            "data.gic_state.bytes is empty; squib needs the interrupt controller's state: take the "
            "snapshot again from a VM that has run"
        )
    if gic.len != len(gic.bytes):
        yield IncompatibleError(
            f"data.gic_state.len is {gic.len}, but data.gic_state.bytes has {len(gic.bytes)} "
            "bytes; the two must agree"
        )


def _header_hint(body: bytes) -> str:
    """What the header says that explains why the rest does not decode; empty if it is squib's."""
    header = envelope.peek(body)
    if header is None:
        return "; the file does not begin with the header of a snapshot"
    if header == envelope.HeaderPeek(MAGIC_AARCH64, VERSION, "bitcode"):
        return ""
    return (
        f"; the header is that of a snapshot of version {header.version or 'unknown'} for "
        f"{header.architecture or f'an unknown architecture (magic {header.magic:#x})'}, written "
        f"in {header.encoding}; expected version {VERSION} for aarch64, written in bitcode"
    )
