"""squib's state file, version 5.0.0: schema and loader of the crate squib-snapshot 0.2.0.

The schema has the Rust types' fields in their order (crate sources `state.rs`, `envelope.rs`);
the loader makes the checks of `load.rs` in their order, each with its own error type. Firecracker's
own version 5.0.0 is another format: it is written in bincode.
"""

from __future__ import annotations

import builtins
import enum
from typing import Annotated, Final

from emu.formats import checks
from emu.formats.codecs import Bitcode
from emu.formats.format import Format
from emu.formats.loader import Loader
from emu.formats.memory.regions import Region
from emu.wire.schema import Array, Struct, struct_of, u32, u64
from emu.wire.semver import Semver

VERSION = "5.0.0"
"""The version that squib 0.2 writes. It reads 5.0.x: the patch number does not matter."""

MAX_STATE_SIZE_BYTES = 10_000_000
"""The largest state file that the loader reads, checksum included."""

VCPU_COUNT_MAX = 32

DRAM_BASE = 0x8000_0000
"""Where guest RAM begins; it is one region (crate squib-arch 0.2.0, `layout.rs`)."""

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


def _vcpu_count(state: MicrovmState) -> str | None:
    vcpus = len(state.vcpu_states)
    if 1 <= vcpus <= VCPU_COUNT_MAX:
        return None
    return f"data.vcpu_states has {vcpus} vCPUs; squib restores 1 to {VCPU_COUNT_MAX}"


def _smt(state: MicrovmState) -> str | None:
    if not state.vm_info.smt:
        return None
    return "data.vm_info.smt is true; Arm vCPUs have no SMT, so squib wants false"


def _gic_bytes(state: MicrovmState) -> str | None:
    if state.gic_state.bytes:
        return None
    return (
        "data.gic_state.bytes is empty; squib needs the interrupt controller's state: take the "
        "snapshot again from a VM that has run"
    )


def _gic_len(state: MicrovmState) -> str | None:
    gic = state.gic_state
    if gic.len == len(gic.bytes):
        return None
    return (
        f"data.gic_state.len is {gic.len}, but data.gic_state.bytes has {len(gic.bytes)} bytes; "
        "the two must agree"
    )


_CODEC = Bitcode()
_SCHEMA = struct_of(Snapshot)

LOADER: Final[Loader] = (
    checks.size_limit(MAX_STATE_SIZE_BYTES, "SizeLimitExceeded"),
    checks.holds_crc("TooShort"),
    checks.crc("CrcMismatch"),
    checks.body(_CODEC, _SCHEMA, VERSION, "Bitcode"),
    checks.magic("MagicMismatch"),
    checks.version(VERSION, "squib 0.2", "VersionMismatch"),
    checks.state(f"has 1 to {VCPU_COUNT_MAX} vCPUs", "Incompatible", _vcpu_count),
    checks.state("has no SMT", "Incompatible", _smt),
    checks.state("has a state of the GIC", "Incompatible", _gic_bytes),
    checks.state("says how long the GIC's state is", "Incompatible", _gic_len),
)
"""The checks of squib-snapshot 0.2.0, `load.rs`."""


def _regions(state: MicrovmState) -> tuple[Region, ...]:
    return (Region(DRAM_BASE, state.vm_info.mem_size_mib << 20),)


FORMAT: Final = Format(
    id="squib-0.2",
    written_by="squib 0.2",
    version=VERSION,
    codec=_CODEC,
    schema=_SCHEMA,
    loader=LOADER,
    regions=_regions,
)


def encode(snapshot: Snapshot) -> bytes:
    """The state file of `snapshot`; raises `EncodeError` if a value does not fit its field."""
    return FORMAT.encode(snapshot)


def decode(data: bytes) -> Snapshot:
    """The value of a state file whose size, checksum and encoding are right, whatever it says.

    Raises `SizeLimitError`, `TooShortError`, `CrcError` or `DecodeError`.
    """
    snapshot: Snapshot = FORMAT.decode(data)
    return snapshot


def load(data: bytes) -> Snapshot:
    """The value of a state file that squib's loader accepts.

    Raises what `decode` raises, then `MagicError`, `VersionError` or `IncompatibleError`.
    """
    snapshot: Snapshot = FORMAT.load(data)
    return snapshot
