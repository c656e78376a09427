"""Faults of machine configuration, guest memory, vCPUs and interrupt controller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from emu.formats.firecracker.leaves import Aarch64RegisterVec
from tests.formats.firecracker.fault import Fault, Mutate, setting
from tests.formats.firecracker.states import Built

# --- machine and memory ------------------------------------------------------------------------


def _config(variant: str, mutate: Mutate) -> Iterator[Fault]:
    outer = "BuildMicrovmFromSnapshotError::VmUpdateConfig"
    yield Fault(f"{outer}(VmConfigError::{variant})", mutate, until="1.10")
    yield Fault(f"{outer}(MachineConfigError::{variant})", mutate, since="1.11")


def _vcpus(count: int) -> Mutate:
    def mutate(built: Built) -> None:
        built.state.vcpu_states = built.state.vcpu_states[:1] * count

    return mutate


def _odd_huge_pages(built: Built) -> None:
    info = built.state.vm_info
    info.huge_pages, info.mem_size_mib = type(info.huge_pages)("2M"), 127


def _region(base: int, size: int, **fields: Any) -> Mutate:
    return lambda built: built.add_region(base, size, **fields)


def _all_hotpluggable(built: Built) -> None:
    for region in built.memory.regions:
        region.region_type = type(region.region_type)("Hotpluggable")


def ram(built: Built) -> Any:
    return built.memory.regions[0]


def slots(base: int, size: int, *slots: bool) -> Mutate:
    def mutate(built: Built) -> None:
        hotpluggable = type(ram(built).region_type)("Hotpluggable")
        built.add_region(base, size, region_type=hotpluggable, plugged=list(slots))

    return mutate


def _overlap(built: Built) -> None:
    highest = max(built.memory.regions, key=lambda region: region.base_address)
    built.add_region(highest.base_address + 0x1000, 0x1000)


_SANITY = "SnapShotStateSanityCheckError"
_EMPTY = _region(0x90_0000_0000, 0)

MACHINE = (
    *_config("InvalidVcpuCount", _vcpus(256)),
    *_config("SmtNotSupported", setting(lambda built: built.state.vm_info, smt=True)),
    *_config("InvalidVcpuCount", _vcpus(33)),
    *_config("InvalidMemorySize", _odd_huge_pages),
    Fault(f"{_SANITY}::NoMemory", lambda built: built.memory.regions.clear()),
    Fault(f"{_SANITY}::NoDramMemory", _all_hotpluggable, since="1.14"),
    Fault(f"{_SANITY}::DramMemoryTooManySlots", setting(ram, plugged=[True] * 2), since="1.14"),
    Fault(f"{_SANITY}::DramMemoryUnplugged", setting(ram, plugged=[False]), since="1.14"),
    Fault("MemoryError::OffsetTooLarge", _region(0, (1 << 63) - 1), since="1.11"),
    Fault("MemoryError::MmapRegionError", _EMPTY, until="1.16"),
    Fault("MemoryError::ZeroSize", _EMPTY, since="main"),
    Fault(
        "MemoryError::VmMemoryError(Error::InvalidGuestRegion)",
        _region((1 << 64) - 4096, 4096),
        until="1.13",
    ),
    Fault("MemoryError::VmMemoryError", _region((1 << 64) - 4096, 4096), since="1.14"),
    Fault(
        "MemoryError::VmMemoryError(Error::UnsortedMemoryRegions)",
        _region(0x1000, 0x1000),
        until="1.11",
    ),
    Fault("MemoryError::VmMemoryError(Error::MemoryRegionOverlap)", _overlap, until="1.11"),
    Fault("VmError::VmMemory(Error::MemoryRegionOverlap)", _overlap, "1.12", "1.13"),
    Fault("MemoryError::Unaligned", slots(0x90_0000_0000, 0x1000), "1.14", "1.15"),
    Fault("MemoryError::ZeroSlots", slots(0x90_0000_0000, 0x1000), since="1.16"),
    Fault("MemoryError::Unaligned", slots(0x91_0000_0000, 0x1000, *[False] * 3), since="1.16"),
    Fault(
        "VmError::InsertRegion(GuestRegionCollectionError::MemoryRegionOverlap)",
        _overlap,
        since="1.14",
    ),
    Fault(
        "panic: division by zero in GuestRegionMmapExt::slot_cnt",
        slots(0x92_0000_0000, 4, *[False] * 5),
        "1.14",
        "1.15",
    ),
    Fault("VmError::SetUserMemoryRegion", _region(0x93_0000_0000, 0x1001)),
)


# --- vCPUs and GIC -----------------------------------------------------------------------------


def _vcpu(built: Built) -> Any:
    return built.state.vcpu_states[0]


def _features(number: int) -> bytes:
    return bytes(4) + number.to_bytes(28, "little")


def _v0_with_sve(built: Built) -> None:
    _vcpu(built).kvi = _features(1 << 4)
    _vcpu(built).regs = Aarch64RegisterVec.of([(0x6040_0000_0010_0054, 0)])


def _sve_without(built: Built) -> None:
    _vcpu(built).kvi = b""
    _vcpu(built).regs = Aarch64RegisterVec.of([(0x6060_0000_0015_FFFF, 0)])


def _gic(built: Built) -> Any:
    return built.state.vm_state.gic


def _one_more_gic(built: Built) -> None:
    _gic(built).gic_vcpu_states *= 2


def _sixth_priority_bit(built: Built) -> None:
    for vcpu in _gic(built).gic_vcpu_states:
        vcpu.icc.ap_icc_regs[1] = vcpu.icc.ap_icc_regs[0]


def _restore_vcpus(error: str, mutate: Mutate, since: str = "1.9", until: str = "main") -> Fault:
    return Fault(f"BuildMicrovmFromSnapshotError::RestoreVcpus({error})", mutate, since, until)


_NO_ITS = setting(_gic, its_state=None)

VCPUS = (
    _restore_vcpus("KvmVcpuError::UnsupportedPmuV3", setting(_vcpu, kvi=_features(1 << 3)), "1.16"),
    _restore_vcpus("VcpuError::SetOneReg", _v0_with_sve, until="1.11"),
    _restore_vcpus("VcpuArchError::SetOneReg", _sve_without, since="1.12"),
    _restore_vcpus("VcpuError::SetMp", setting(_vcpu, mp_state=b"\3"), until="1.11"),
    _restore_vcpus("VcpuArchError::SetMp", setting(_vcpu, mp_state=b"\3"), since="1.12"),
    _restore_vcpus(
        "VcpuArchError::DeviceAttribute", setting(_vcpu, pvtime_ipa=0x8000_0020), since="1.13"
    ),
    Fault("GicError::InconsistentVcpuCount", _one_more_gic),
    Fault("GicError::InvalidVgicSysRegState", _sixth_priority_bit),
    Fault("panic: unwrap on None: its_state", _NO_ITS, "1.13", "1.14"),
    Fault("GicError::MissingItsState", _NO_ITS, since="1.15"),
)
