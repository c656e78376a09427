"""KVM's virtual GICv3 as a device with attributes.

A VMM creates it, says where its frames are and how many interrupts there are, initialises it, and
from then on reads and writes its registers.

Sources: vgic_v3_set_attr, vgic_set_common_attr and vgic_get_common_attr in
arch/arm64/kvm/vgic/vgic-kvm-device.c and vgic_init in vgic-init.c of Linux 6.4;
Documentation/virt/kvm/devices/arm-vgic-v3.rst.
"""

from __future__ import annotations

from typing import Final

from emu.arch.gicv3 import SPI_FIRST
from emu.arch.kvm_devices import VgicAddress, VgicControl, VgicGroup
from emu.errors import GuestError, IncompatibleError, KvmError
from emu.hypervisor.kvm.access import attribute_refused
from emu.hypervisor.kvm.vgic_addresses import VgicAddresses
from emu.hypervisor.kvm.vgic_registers import REGISTER_GROUPS, VgicRegisters
from emu.hypervisor.kvm.vm_state import VmState

_INTERRUPT_COUNTS: Final = range(64, 1024 + 1, 32)
_INTERRUPT_COUNT_BY_DEFAULT: Final = 256


class KvmVgic:
    """The device: KVM_DEV_TYPE_ARM_VGIC_V3."""

    def __init__(self, vm: VmState) -> None:
        self._vm = vm
        self._addresses = VgicAddresses(vm)
        self._registers = VgicRegisters(vm)
        self._interrupt_count = 0

    def adopt(self) -> None:
        """Take over the GIC of a machine that is set up already."""
        self._addresses.adopt()
        self._interrupt_count = self._board_interrupt_count
        self._vm.gic_initialized = True

    def has_device_attr(self, group: int, attribute: int) -> None:
        """`KVM_HAS_DEVICE_ATTR`.

        Raises:
            KvmError: ENXIO if there is no such attribute, EINVAL if no vCPU has its affinity.
        """
        if group in REGISTER_GROUPS:
            self._registers.has(VgicGroup(group), attribute)
            return
        attributes: dict[int, set[int]] = {
            VgicGroup.ADDR: set(VgicAddress),
            VgicGroup.CTRL: set(VgicControl),
            VgicGroup.NR_IRQS: {attribute},
        }
        if attribute not in attributes.get(group, set()):
            raise _no_attribute("HAS", group, attribute)

    def get_device_attr(self, group: int, attribute: int, value: int = 0) -> int:
        """`KVM_GET_DEVICE_ATTR`: 64 bits of ADDR and CPU_SYSREGS, 32 otherwise.

        Args:
            group: a `VgicGroup`.
            attribute: one of the group.
            value: what is in the caller's memory: the index of a region, for REDIST_REGION.

        Raises:
            KvmError: ENXIO if there is no such attribute, EINVAL if no vCPU has its affinity,
                EBUSY before INIT; ENOENT for a region or, since Linux 6.0, an ICC register that
                there is not. A frame has zeros where it has no register.
        """
        if group in REGISTER_GROUPS:
            return self._registers.get(VgicGroup(group), attribute)
        if group == VgicGroup.ADDR and attribute in set(VgicAddress):
            return self._addresses.get(VgicAddress(attribute), value)
        if group == VgicGroup.NR_IRQS:
            return self._interrupt_count or SPI_FIRST
        raise _no_attribute("GET", group, attribute)

    def set_device_attr(self, group: int, attribute: int, value: int = 0) -> None:
        """`KVM_SET_DEVICE_ATTR`.

        Raises:
            KvmError: as `get_device_attr`; EINVAL for a value that is not taken, EEXIST and EBUSY
                if it is set already or can't be set any more, E2BIG for an address that no guest
                has, EFAULT for a table of LPIs that is not in RAM.
            IncompatibleError: KVM takes the value, and this machine is made for another.
        """
        if group in REGISTER_GROUPS:
            self._registers.set(VgicGroup(group), attribute, value)
        elif group == VgicGroup.ADDR and attribute in set(VgicAddress):
            self._addresses.set(VgicAddress(attribute), value)
        elif group == VgicGroup.NR_IRQS:
            self._set_interrupt_count(value)
        elif group == VgicGroup.CTRL and attribute == VgicControl.INIT:
            self._initialize()
        elif group == VgicGroup.CTRL and attribute == VgicControl.SAVE_PENDING_TABLES:
            self._save_pending_tables()
        else:
            raise _no_attribute("SET", group, attribute)

    def _set_interrupt_count(self, count: int) -> None:
        what = f"vGIC: NR_IRQS = {count}"
        if count not in _INTERRUPT_COUNTS:
            raise attribute_refused(
                "EINVAL", "SET", what, "expected a multiple of 32 from 64 to 1024"
            )
        if self._interrupt_count:
            raise attribute_refused("EBUSY", "SET", what, f"it is {self._interrupt_count} already")
        self._check_interrupt_count(count)
        self._interrupt_count = count

    @property
    def _board_interrupt_count(self) -> int:
        return SPI_FIRST + self._vm.machine.board.spi_count

    def _check_interrupt_count(self, count: int) -> None:
        if count != self._board_interrupt_count:
            raise IncompatibleError(
                f"the vGIC is to have {count} interrupts; the board {self._vm.machine.board.name} "
                f"has {self._board_interrupt_count}, SGIs and PPIs among them"
            )

    def _initialize(self) -> None:
        """A second time it does nothing, as KVM's."""
        if self._vm.gic_initialized:
            return
        if not self._interrupt_count:
            self._check_interrupt_count(_INTERRUPT_COUNT_BY_DEFAULT)
            self._interrupt_count = _INTERRUPT_COUNT_BY_DEFAULT
        self._vm.gic_initialized = True

    def _save_pending_tables(self) -> None:
        """Write the pending LPIs of all vCPUs to RAM, if there are LPIs."""
        what = "vGIC: SAVE_PENDING_TABLES"
        if not self._vm.gic_initialized:
            raise attribute_refused("ENXIO", "SET", what, "the vGIC is not initialised")
        try:
            self._vm.machine.gic.user_save_pending_tables()
        except GuestError as error:
            raise attribute_refused("EFAULT", "SET", what, str(error)) from error


def _no_attribute(verb: str, group: int, attribute: int) -> KvmError:
    name = VgicGroup(group).name if group in set(VgicGroup) else f"group {group}"
    return attribute_refused("ENXIO", verb, f"vGIC: {name} {attribute:#x}", "no such attribute")
