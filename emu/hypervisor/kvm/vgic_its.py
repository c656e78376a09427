"""KVM's ITS as a device with attributes, beside the vGIC's.

What it does is the ITS's own: `Its.user_read` and its neighbours.

Sources: vgic_its_set_attr, vgic_its_get_attr, vgic_its_has_attr and vgic_its_ctrl in
arch/arm64/kvm/vgic/vgic-its.c, Linux 6.1; Documentation/virt/kvm/devices/arm-vgic-its.rst.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from emu.arch.its import ITS_SIZE_BYTES
from emu.arch.kvm_devices import ITS_ADDRESS, ItsControl, VgicGroup
from emu.boards.places import Window
from emu.errors import GuestError, IncompatibleError, KvmError, MachineError
from emu.gic.its import Its
from emu.hypervisor.kvm.access import attribute_refused
from emu.hypervisor.kvm.vgic_addresses import UNDEFINED_ADDRESS, check_range

_Result = TypeVar("_Result")


class KvmIts:
    """The device: KVM_DEV_TYPE_ARM_VGIC_ITS.

    Args:
        its: what is beneath.
        place: where the machine's board has it.
    """

    def __init__(self, its: Its, place: Window) -> None:
        self._its = its
        self._place = place
        self._address = UNDEFINED_ADDRESS

    def adopt(self) -> None:
        """Take over the ITS of a machine that is set up already."""
        self._address = self._place.base

    def has_device_attr(self, group: int, attribute: int) -> None:
        """`KVM_HAS_DEVICE_ATTR`.

        Raises:
            KvmError: ENXIO if there is no such attribute, EINVAL for a part of a register.
        """
        if group == VgicGroup.ITS_REGS:
            self._register("HAS", attribute, lambda: self._its.user_read(attribute))
        elif (group, attribute) != (VgicGroup.ADDR, ITS_ADDRESS) and (
            group != VgicGroup.CTRL or attribute not in set(ItsControl)
        ):
            raise _no_attribute("HAS", group, attribute)

    def get_device_attr(self, group: int, attribute: int) -> int:
        """`KVM_GET_DEVICE_ATTR`: 64 bits.

        Raises:
            KvmError: ENXIO if there is no such attribute, or a register is read before ADDR is set;
                ENODEV for another address than the ITS's; EINVAL for a part of a register.
        """
        if group == VgicGroup.ADDR:
            self._check_address_type("GET", attribute)
            return self._address
        if group == VgicGroup.ITS_REGS:
            return self._register("GET", attribute, lambda: self._its.user_read(attribute))
        raise _no_attribute("GET", group, attribute)

    def set_device_attr(self, group: int, attribute: int, value: int = 0) -> None:
        """`KVM_SET_DEVICE_ATTR`. A control that KVM does not know does nothing there.

        Raises:
            KvmError: as `get_device_attr`; EINVAL for a value that is not taken, and for tables
                that are not those of a state that was saved; EFAULT for tables that are not in RAM;
                EBUSY for GITS_CREADR of an ITS that is enabled; EEXIST and E2BIG for its address.
            IncompatibleError: KVM takes the address, and this machine's board has another.
        """
        if group == VgicGroup.ADDR:
            self._check_address_type("SET", attribute)
            self._set_address(value)
        elif group == VgicGroup.CTRL:
            self._control(attribute)
        elif group == VgicGroup.ITS_REGS:
            self._register("SET", attribute, lambda: self._its.user_write(attribute, value))
        else:
            raise _no_attribute("SET", group, attribute)

    def _set_address(self, address: int) -> None:
        what = f"ITS: ADDR = {address:#x}"
        if self._address != UNDEFINED_ADDRESS:
            raise attribute_refused("EEXIST", "SET", what, "expected to be set once")
        check_range(what, address, ITS_SIZE_BYTES)
        if address != self._place.base:
            raise IncompatibleError(
                f"the ITS is to be at {address:#x}; the board has it at {self._place.base:#x}"
            )
        self._address = address

    def _control(self, attribute: int) -> None:
        actions: dict[int, Callable[[], None]] = {
            ItsControl.SAVE_TABLES: self._its.save_tables,
            ItsControl.RESTORE_TABLES: self._its.restore_tables,
            ItsControl.RESET: self._its.reset,
        }
        action = actions.get(attribute)
        if action is None:
            return
        what = f"ITS: {ItsControl(attribute).name}"
        try:
            action()
        except IncompatibleError as error:
            raise attribute_refused("EINVAL", "SET", what, str(error)) from error
        except GuestError as error:
            raise attribute_refused("EFAULT", "SET", what, str(error)) from error

    def _register(self, verb: str, offset: int, access: Callable[[], _Result]) -> _Result:
        what = f"ITS: ITS_REGS {offset:#x}"
        try:
            self._its.user_read(offset)
        except IncompatibleError as error:
            raise attribute_refused("EINVAL", verb, what, str(error)) from error
        except MachineError as error:
            raise attribute_refused("ENXIO", verb, what, str(error)) from error
        if verb != "HAS" and self._address == UNDEFINED_ADDRESS:
            raise attribute_refused("ENXIO", verb, what, "its address is not set")
        try:
            return access()
        except IncompatibleError as error:
            raise attribute_refused("EINVAL", verb, what, str(error)) from error
        except MachineError as error:
            raise attribute_refused("EBUSY", verb, what, str(error)) from error

    def _check_address_type(self, verb: str, attribute: int) -> None:
        if attribute != ITS_ADDRESS:
            raise attribute_refused(
                "ENODEV", verb, f"ITS: ADDR {attribute}", f"expected {ITS_ADDRESS}, the ITS's"
            )


def _no_attribute(verb: str, group: int, attribute: int) -> KvmError:
    name = VgicGroup(group).name if group in set(VgicGroup) else f"group {group}"
    return attribute_refused("ENXIO", verb, f"ITS: {name} {attribute:#x}", "no such attribute")
