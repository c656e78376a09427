"""The registers of KVM's vGIC, one word at a time, as attributes of the device.

What the registers do is the GIC's own: `GicV3.user_read_distributor` and its neighbours.

Sources: vgic_v3_attr_regs_access and vgic_v3_parse_attr in arch/arm64/kvm/vgic/vgic-kvm-device.c,
vgic_v3_has_attr_regs in vgic-mmio-v3.c and vgic_uaccess in vgic-mmio.c, Linux 6.4.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from emu.arch.gicv3 import PRIVATE_COUNT
from emu.arch.kvm_devices import LevelInfo, VgicAttribute, VgicGroup
from emu.errors import Errno, IncompatibleError, KvmError, MachineError
from emu.hypervisor.kvm.access import attribute_refused
from emu.hypervisor.kvm.host import Change
from emu.hypervisor.kvm.vm_state import VmState

REGISTER_GROUPS = (
    VgicGroup.DIST_REGS,
    VgicGroup.REDIST_REGS,
    VgicGroup.CPU_SYSREGS,
    VgicGroup.LEVEL_INFO,
)

_ENCODING_MASK = 0xFFFF

Word = tuple[Callable[[], int], Callable[[int], None]]
"""How one word is read, and written."""


class VgicRegisters:
    """Registers of the distributor, the redistributors and the CPU interfaces; line levels."""

    def __init__(self, vm: VmState) -> None:
        self._vm = vm

    def has(self, group: VgicGroup, attribute: int) -> None:
        """Raise `KvmError` unless there is such a register, or word of line levels."""
        if group is VgicGroup.LEVEL_INFO:
            if LevelInfo(attribute).Info:
                raise _refused("ENXIO", "HAS", group, attribute, "expected Info to be 0")
            return
        self._call("HAS", group, attribute, self._word(group, attribute, "HAS")[0])

    def get(self, group: VgicGroup, attribute: int) -> int:
        """A word: 64 bits of CPU_SYSREGS, otherwise 32."""
        word = self._word(group, attribute, "GET")
        self._check_initialized("GET", group, attribute)
        return self._call("GET", group, attribute, word[0])

    def set(self, group: VgicGroup, attribute: int, value: int) -> None:
        """Set a word."""
        word = self._word(group, attribute, "SET")
        self._check_initialized("SET", group, attribute)
        self._call("SET", group, attribute, lambda: word[1](value) or 0)

    def _word(self, group: VgicGroup, attribute: int, verb: str) -> Word:
        gic, vcpu = self._vm.machine.gic, self._vcpu(group, attribute, verb)
        offset = VgicAttribute(attribute).Offset
        match group:
            case VgicGroup.DIST_REGS:
                return (
                    partial(gic.user_read_distributor, offset),
                    partial(gic.user_write_distributor, offset),
                )
            case VgicGroup.REDIST_REGS:
                return (
                    partial(gic.user_read_redistributor, vcpu, offset),
                    partial(gic.user_write_redistributor, vcpu, offset),
                )
            case VgicGroup.CPU_SYSREGS:
                encoding = offset & _ENCODING_MASK
                return (
                    partial(gic.user_read_icc, vcpu, encoding),
                    partial(gic.user_write_icc, vcpu, encoding),
                )
        levels = LevelInfo(attribute)
        if levels.Info or levels.Intid % PRIVATE_COUNT:
            raise _refused(
                "EINVAL", verb, group, attribute, "expected Info 0 and Intid a multiple of 32"
            )
        return (
            partial(gic.user_read_line_levels, vcpu, levels.Intid),
            partial(gic.user_write_line_levels, vcpu, levels.Intid),
        )

    def _vcpu(self, group: VgicGroup, attribute: int, verb: str) -> int:
        """The vCPU whose affinity the attribute has; the first one for the distributor."""
        found = min(self._vm.created, default=None)
        if group is not VgicGroup.DIST_REGS:
            affinity = VgicAttribute(attribute).Affinity
            mpidr = (affinity & 0xFF00_0000) << 8 | affinity & 0x00FF_FFFF
            found = self._vm.index_of(mpidr)
        if found is None:
            raise _refused("EINVAL", verb, group, attribute, "no vCPU has this affinity")
        return found

    def _check_initialized(self, verb: str, group: VgicGroup, attribute: int) -> None:
        if not self._vm.gic_initialized:
            raise _refused("EBUSY", verb, group, attribute, "the vGIC is not initialised")

    def _call(self, verb: str, group: VgicGroup, attribute: int, access: Callable[[], int]) -> int:
        try:
            return access()
        except IncompatibleError as error:
            if verb == "HAS":
                return 0
            raise _refused("EINVAL", verb, group, attribute, str(error)) from error
        except MachineError as error:
            errno = self._errno_of_none(verb, group)
            if errno is None:
                return 0
            raise _refused(errno, verb, group, attribute, str(error)) from error

    def _errno_of_none(self, verb: str, group: VgicGroup) -> Errno | None:
        """Only HAS tells of a frame that there is no such register: there GET gives zero, and SET
        does nothing (`vgic_uaccess_read`, `vgic_uaccess_write`).
        """
        if verb == "HAS":
            return "ENXIO"
        if group is not VgicGroup.CPU_SYSREGS:
            return None
        return "ENOENT" if self._vm.host.has(Change.ICC_REGISTERS_ARE_ONE_REGS) else "ENXIO"


def _refused(errno: Errno, verb: str, group: VgicGroup, attribute: int, why: str) -> KvmError:
    return attribute_refused(errno, verb, f"vGIC: {group.name} {attribute:#x}", why)
