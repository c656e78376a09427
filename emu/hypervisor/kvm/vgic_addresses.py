"""Where the frames of KVM's vGIC are: the attributes of KVM_DEV_ARM_VGIC_GRP_ADDR.

The machine's memory map is its board's, so a place that KVM would take and that is another than
the board's is refused with `IncompatibleError`.

Sources: kvm_vgic_addr and vgic_check_iorange in arch/arm64/kvm/vgic/vgic-kvm-device.c,
vgic_v3_alloc_redist_region in vgic-mmio-v3.c, Linux 6.4.
"""

from __future__ import annotations

from typing import Final

from emu.arch.gicv3 import GICD_SIZE_BYTES, GICR_SIZE_BYTES
from emu.arch.kvm_devices import RedistRegion, VgicAddress
from emu.errors import Errno, IncompatibleError, KvmError
from emu.hypervisor.kvm.access import attribute_refused
from emu.hypervisor.kvm.vm_state import VmState

UNDEFINED_ADDRESS: Final = (1 << 64) - 1
"""VGIC_ADDR_UNDEF: where a frame is before a VMM has said where."""

_GRANULE: Final = 0x1_0000
_BASE_SHIFT: Final = RedistRegion.Base.lsb
_IPA_END: Final = 1 << 40
"""Guest-physical addresses of a VM of the default type end here."""

_INDEX_MASK: Final = 0xFF
"""KVM takes so many bits of a region's index when it is read."""


class VgicAddresses:
    """The distributor's frame, and the regions of redistributors."""

    def __init__(self, vm: VmState) -> None:
        self._vm = vm
        self._distributor = UNDEFINED_ADDRESS
        self._regions: list[RedistRegion] = []

    def adopt(self) -> None:
        """The board's, which a machine that is set up already has."""
        board, vcpu_count = self._vm.machine.board, len(self._vm.machine.vcpus)
        self._distributor = board.gicd.base
        self._regions = [_region(board.gicr.window(vcpu_count).base)]

    def get(self, kind: VgicAddress, value: int) -> int:
        """An address; for REDIST_REGION `value` says which, and all of the region is returned."""
        if kind is VgicAddress.DIST:
            return self._distributor
        if kind is VgicAddress.REDIST:
            return self._regions[0].Base << _BASE_SHIFT if self._regions else UNDEFINED_ADDRESS
        index = RedistRegion(value).Index & _INDEX_MASK
        if index >= len(self._regions):
            raise attribute_refused(
                "ENOENT", "GET", f"vGIC: {kind.name} {index}", f"there are {len(self._regions)}"
            )
        return self._regions[index].value

    def set(self, kind: VgicAddress, value: int) -> None:
        """Say where a frame, or a region of frames, is."""
        match kind:
            case VgicAddress.DIST:
                self._set_distributor(value)
            case VgicAddress.REDIST:
                check_range(_what(kind, value), value, self._size_bytes(_region(0)))
                self._add_region(kind, _region(value))
            case VgicAddress.REDIST_REGION:
                region = RedistRegion(value)
                if not region.Count or region.Flags:
                    raise _refused("EINVAL", kind, value, "a Count, and no Flags")
                address = region.Base << _BASE_SHIFT
                check_range(_what(kind, address), address, self._size_bytes(region))
                self._add_region(kind, region)

    def _set_distributor(self, address: int) -> None:
        kind = VgicAddress.DIST
        if self._distributor != UNDEFINED_ADDRESS:
            raise _refused("EEXIST", kind, address, "to be set once")
        check_range(_what(kind, address), address, GICD_SIZE_BYTES)
        self._check_board("GICD", address, self._vm.machine.board.gicd.base)
        self._distributor = address

    def _add_region(self, kind: VgicAddress, region: RedistRegion) -> None:
        """`vgic_v3_set_redist_base`. A region without count is the one for all vCPUs."""
        address = region.Base << _BASE_SHIFT
        if self._regions and not self._regions[0].Count:
            errno: Errno = "EINVAL" if region.Count else "EEXIST"
            raise _refused(errno, kind, address, "to be set once: one region holds all")
        if self._regions and not region.Count:
            raise _refused("EINVAL", kind, address, "regions with a Count, as those before")
        if region.Index != len(self._regions):
            raise _refused("EINVAL", kind, address, f"Index {len(self._regions)}")
        self._check_overlap(kind, region)
        before = sum(known.Count for known in self._regions)
        frames = self._vm.machine.board.gicr.window(len(self._vm.machine.vcpus))
        self._check_board("GICR", address, frames.base + before * GICR_SIZE_BYTES)
        self._regions.append(region)

    def _size_bytes(self, region: RedistRegion) -> int:
        return (region.Count or len(self._vm.created)) * GICR_SIZE_BYTES

    def _check_overlap(self, kind: VgicAddress, region: RedistRegion) -> None:
        address = region.Base << _BASE_SHIFT
        end = address + self._size_bytes(region)
        taken = [(known.Base << _BASE_SHIFT, self._size_bytes(known)) for known in self._regions]
        if self._distributor != UNDEFINED_ADDRESS:
            taken.append((self._distributor, GICD_SIZE_BYTES))
        for start, length in taken:
            if address < start + length and start < end:
                raise _refused("EINVAL", kind, address, f"no overlap with what is at {start:#x}")

    def _check_board(self, frame: str, address: int, expected: int) -> None:
        if address != expected:
            raise IncompatibleError(
                f"the vGIC's {frame} is to be at {address:#x}; the board "
                f"{self._vm.machine.board.name} has it at {expected:#x}"
            )


def check_range(what: str, address: int, size_bytes: int) -> None:
    """Refuse a place that no frame can have (`vgic_check_iorange`)."""
    if address % _GRANULE:
        raise attribute_refused("EINVAL", "SET", what, "expected a multiple of 64 KiB")
    if address + size_bytes > _IPA_END:
        raise attribute_refused("E2BIG", "SET", what, f"expected an end at {_IPA_END:#x} or below")


def _region(address: int) -> RedistRegion:
    return RedistRegion().replace(Base=address >> _BASE_SHIFT & 0xF_FFFF_FFFF)


def _refused(errno: Errno, kind: VgicAddress, address: int, expected: str) -> KvmError:
    return attribute_refused(errno, "SET", _what(kind, address), f"expected {expected}")


def _what(kind: VgicAddress, address: int) -> str:
    return f"vGIC: {kind.name} = {address:#x}"
