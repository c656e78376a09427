"""What `describe` tells of a state file: plain data, ready for JSON or for a renderer.

Sizes are in bytes, unless a name says otherwise; 128-bit values are text in hexadecimal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emu.formats.squib import MmdsState, VmInfo


@dataclass(frozen=True, slots=True)
class RegisterView:
    """One register.

    Attributes:
        key: its key in the map that holds it, or None.
        known: whether the key is one that this project knows.
        fields: decoded fields in datasheet order; None where no layout is known.
    """

    name: str
    value: int
    key: int | None = None
    known: bool = True
    fields: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Registers that belong together."""

    title: str
    registers: tuple[RegisterView, ...]


@dataclass(frozen=True, slots=True)
class BlobView:
    """An opaque field.

    Attributes:
        preview: the first bytes, in hexadecimal.
        maker: who wrote it, if that is known.
        sections: what it holds, if that can be read.
        note: why it can't.
    """

    size_bytes: int
    preview: str
    maker: str | None = None
    sections: tuple[Section, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device. `mmio_slot` is None for a device that is no virtio-mmio device."""

    kind: str
    id: str
    mmio_slot: int | None
    blob: BlobView


@dataclass(frozen=True, slots=True)
class InterruptView:
    """One interrupt that is enabled, pending or active.

    Attributes:
        vcpu: index of the redistributor for an SGI or PPI, None for an SPI.
        trigger: "edge" or "level".
        route: GICD_IROUTER of an SPI.
    """

    intid: int
    vcpu: int | None
    group: int
    enabled: bool
    pending: bool
    active: bool
    priority: int
    trigger: str
    route: int | None


@dataclass(frozen=True, slots=True)
class GicView:
    """The interrupt controller. `declared_size_bytes` is what `gic_state.len` says."""

    declared_size_bytes: int
    blob: BlobView
    interrupts: tuple[InterruptView, ...] = ()


@dataclass(frozen=True, slots=True)
class VcpuView:
    """One vCPU.

    Attributes:
        mpidr: MPIDR_EL1, by which the file names the vCPU.
        registers: X0 to X30, SP_EL1, PC, PSTATE.
        vectors: V0 to V31, 128 bits each.
        fp: FPSR and FPCR.
        sys_regs: in the file's order.
    """

    index: int
    mpidr: RegisterView
    psci_state: str
    registers: tuple[RegisterView, ...]
    vectors: tuple[str, ...]
    fp: tuple[RegisterView, ...]
    sys_regs: tuple[RegisterView, ...]


@dataclass(frozen=True, slots=True)
class StateView:
    """The decoded body of a state file; `vm` and `mmds` are as the schema has them."""

    vm: VmInfo
    vcpus: tuple[VcpuView, ...]
    devices: tuple[DeviceView, ...]
    gic: GicView
    mmds: MmdsState | None


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
        expected_size_bytes: from `mem_size_mib`; None if the state file does not decode.
    """

    path: str
    size_bytes: int | None
    expected_size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the loader refuses the file. `error` is the name of a class in `emu.errors`."""

    error: str
    message: str


@dataclass(frozen=True, slots=True)
class Description:
    """All that can be told of one state file.

    Attributes:
        checksum: None if the file has not the size for one.
        header: None if there is none.
        problems: in the order of the loader's checks; empty if it loads.
        state: None if the body does not decode.
        memory: None if not looked for.
    """

    size_bytes: int
    checksum: ChecksumView | None
    header: HeaderView | None
    problems: tuple[Problem, ...]
    state: StateView | None = None
    memory: MemoryView | None = None
