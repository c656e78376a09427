"""v1.14 and v1.15: VMClock, names of virtio's device types, the vsock's last port.

Source: Firecracker v1.14.0 and v1.15.0, below `src/vmm/src`: `devices/acpi/vmclock.rs`,
`devices/virtio/device.rs`, `devices/virtio/vsock/persist.rs`, `devices/virtio/vsock/unix/muxer.rs`.
"""

from __future__ import annotations

from typing import Any, Final

from emu.errors import IncompatibleError
from emu.formats.firecracker.restore.devices import KINDS
from emu.formats.firecracker.system_memory import VMCLOCK_AT_BOOT, VMCLOCK_SIZE_BYTES
from emu.inspect.convert.handed_out import hand_out_gsi, hand_out_system_memory
from emu.inspect.convert.rules import Rule, Step, derived, moved, structs
from emu.inspect.convert.tree import Fields, Tree, plain, planted
from emu.inspect.convert.work import Work, take

_TYPE_NAMES = {kind.virtio_id: kind.type_name for kind in KINDS}
_TYPE_IDS = {kind.type_name: kind.virtio_id for kind in KINDS}

FIRST_PORT_LAST: Final = (1 << 30) - 1
"""`local_port_last` of a vsock that has handed out no port."""


def _type_name(virtio_id: Any) -> str:
    if virtio_id not in _TYPE_NAMES:
        raise IncompatibleError(
            f"a device_type is {virtio_id}, which is no device of Firecracker's; expected one of "
            f"{', '.join(map(str, _TYPE_NAMES))}"
        )
    return _TYPE_NAMES[virtio_id]


def _vmclock(work: Work, _: Fields) -> Tree:
    """A VMClock as v1.15 makes it at boot, in system memory that is free.

    The guest's device tree has none, so the guest neither reads the page nor takes the interrupt.
    """
    address = hand_out_system_memory(work, VMCLOCK_SIZE_BYTES, VMCLOCK_SIZE_BYTES)
    gsi = hand_out_gsi(work)
    return planted({"guest_address": address, "gsi": gsi, "inner": {**VMCLOCK_AT_BOOT}})


def _plain_backend(work: Work) -> None:
    for vsock in structs(work.data, "backend"):
        backend = vsock.fields["backend"]
        assert isinstance(backend, Fields)
        path = backend.fields["path"]
        port = work.add(planted(FIRST_PORT_LAST), "where v1.14 begins after a restore")
        vsock.fields["backend"] = Fields({"uds_path": path, "local_port_last": port})


def _enum_backend(work: Work) -> None:
    for vsock in structs(work.data, "backend"):
        port = take(vsock, "backend.local_port_last")
        if port and plain(port) != FIRST_PORT_LAST:
            work.lose(port, "ports that the guest saw lately are used anew")
        path = take(vsock, "backend.uds_path")
        assert path is not None
        vsock.fields["backend"] = Fields({"path": path}, "Uds")


STEP: Final[Step] = (
    moved(
        "device_type",
        "device_type",
        beside="avail_features",
        to_new=_type_name,
        to_old=_TYPE_IDS.__getitem__,
        form="by name",
    ),
    Rule(
        "`backend` of a vsock",
        "kept as `uds_path`; `local_port_last` is added as v1.14 has it after a restore",
        "kept; `local_port_last` is lost unless no port was handed out",
        _plain_backend,
        _enum_backend,
    ),
    derived(
        "vmclock",
        _vmclock,
        "v1.15 insists on a VMClock: one as at boot, in free system memory, with a free GSI; the "
        "guest does not know of it",
        "the clock's page is not brought up to date any more, so that a guest that uses it does "
        "not notice that it was restored",
        beside="vmgenid",
    ),
)
