"""v1.12 and v1.13: PCI, interrupt translation, stolen time, the record of what was handed out.

GSI n is INTID 32 + n in all releases, so numbers and guests stay as they are; v1.12 hands out GSIs
from 32 on, v1.13 from 0 on. No device is handed out anew: restoring looks at nothing but where the
state says that a device is.

Source: Firecracker v1.12.1 and v1.13.0, below `src/vmm/src`: `device_manager/persist.rs`,
`device_manager/mmio.rs`, `vstate/vm.rs`, `vstate/resources.rs`, `arch/aarch64/`; Linux 6.1,
`arch/arm64/kvm/vgic/vgic-its.c`, for the ITS after a reset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from emu.formats.firecracker.gic import REDIST_FROM_1_13, REDIST_TO_1_12, Entry
from emu.inspect.convert.handed_out import resource_allocator
from emu.inspect.convert.rules import (
    Rule,
    Step,
    added,
    derived,
    moved,
    reverse,
    structs,
)
from emu.inspect.convert.tree import Fields, Items, Leaf, Tree, having, items, plain, planted
from emu.inspect.convert.v1_10 import BUFFERS
from emu.inspect.convert.work import Work, find, put, take

# --- PCI ---------------------------------------------------------------------------------------

NO_PCI: Final = {
    "pci_enabled": False,
    "block_devices": [],
    "net_devices": [],
    "vsock_device": None,
    "balloon_device": None,
    "mmds": None,
    "entropy_device": None,
}


def _add_pci(work: Work) -> None:
    why = "the guest was booted without a PCI bus"
    put(work.data, "device_states.pci_state", work.add(planted(NO_PCI), why))


def _drop_pci(work: Work) -> None:
    pci = take(work.data, "device_states.pci_state")
    assert isinstance(pci, Fields)
    lose_unlike(
        work,
        pci,
        NO_PCI,
        "the guest has its PCI bus no more, nor any device on it: its accesses lead to nothing",
    )


def lose_unlike(work: Work, struct: Fields, default: dict[str, Any], effect: str) -> None:
    """Record the fields of a struct as lost that have not their default; of lists, the items."""
    for name, part in struct.fields.items():
        for lost in items(part) or [part]:
            if plain(lost) != default.get(name):
                work.lose(lost, effect)


# --- devices -----------------------------------------------------------------------------------


def _with_compatibility(work: Work) -> None:
    for bus in structs(work.data, "mmds_version"):
        version = take(bus, "mmds_version")
        assert isinstance(version, Leaf)
        service: Tree = version
        if version.value is not None:
            compatible = work.add(planted(False), "v1.12 answers in one way only")
            service = Fields({"version": version, "imds_compat": compatible})
        put(bus, "mmds", service)


def _without_compatibility(work: Work) -> None:
    for bus in structs(work.data, "mmds"):
        service = take(bus, "mmds")
        assert service is not None
        if isinstance(service, Fields):
            compatible = service.fields["imds_compat"]
            if plain(compatible):
                work.lose(compatible, "the metadata service answers in another form")
            service = service.fields["version"]
        put(bus, "mmds_version", service)


def _connected(work: Work) -> list[Fields]:
    return having(work.data, "device_state", "transport_state")


def _status_to_transport(work: Work) -> None:
    for device in _connected(work):
        for state in having(device.fields["device_state"], "interrupt_status"):
            status = take(state, "interrupt_status")
            assert status is not None
            put(device, "transport_state.interrupt_status", status)


def _status_to_device(work: Work) -> None:
    for device in _connected(work):
        status = take(device, "transport_state.interrupt_status")
        for state in having(device.fields["device_state"], "avail_features"):
            assert status is not None
            put(state, "interrupt_status", status)


# --- interrupt controller ----------------------------------------------------------------------

_KVM_ITS_IIDR = 0x4B00_043B
_QUIESCENT = 1 << 31
_BASER = 7 << 59 | 7 << 48 | 1 << 10 | 2 << 8  # cacheable, entries of 8 bytes, shareable, 64 KiB
_DEVICES, _COLLECTIONS = 1 << 56, 4 << 56

ITS_AFTER_RESET: Final = {
    "iidr": _KVM_ITS_IIDR,
    "cbaser": 0,
    "creadr": 0,
    "cwriter": 0,
    "baser": [_BASER | _DEVICES, _BASER | _COLLECTIONS, 0, 0, 0, 0, 0, 0],
    "ctlr": _QUIESCENT,
}
"""KVM's ITS before a driver has touched it."""


def _its(_: Work, gic: Fields) -> Tree:
    """None on GICv2, which is told by redistributors without registers."""
    is_gicv3 = any(items(find(vcpu, "rdist")) for vcpu in items(gic.fields["gic_vcpu_states"]))
    if not is_gicv3:
        return planted(None)
    return planted(ITS_AFTER_RESET)


def _reorder(old: Sequence[Entry], new: Sequence[Entry], work: Work) -> None:
    order = [old.index(entry) for entry in new]
    for vcpu in structs(work.data, "rdist"):
        rows = vcpu.fields["rdist"]
        if isinstance(rows, Items) and len(rows.items) == len(order):
            rows.items = [rows.items[index] for index in order]


# --- the whole ---------------------------------------------------------------------------------

STEP: Final[Step] = (
    moved("device_states", "device_states.mmio_state"),
    moved("acpi_dev_state", "device_states.acpi_state"),
    Rule(
        "`mmds_version`",
        "kept as `mmds.version`, with `mmds.imds_compat` false",
        "kept; `imds_compat` is lost if true",
        _with_compatibility,
        _without_compatibility,
    ),
    Rule(
        "`virtio_state.interrupt_status` of devices",
        "kept as `transport_state.interrupt_status`",
        "kept",
        _status_to_transport,
        _status_to_device,
    ),
    moved("irq", "gsi", beside="len"),
    derived(
        "its_state",
        _its,
        "the ITS as it is after a reset, if the GIC is a GICv3: the guest's device tree has none",
        "the guest has its interrupt translation service no more, and with it no message "
        "interrupts; GICR_CTLR.EnableLPIs is ignored",
        beside="gic_vcpu_states",
        is_harmless=lambda value, _: value in (None, ITS_AFTER_RESET),
        unless="it is as after a reset",
    ),
    Rule(
        "GICR_CTLR in `rdist`",
        "kept, behind GICR_PENDBASER",
        "kept",
        lambda work: _reorder(REDIST_TO_1_12, REDIST_FROM_1_13, work),
        lambda work: _reorder(REDIST_FROM_1_13, REDIST_TO_1_12, work),
    ),
    added(
        "pvtime_ipa",
        None,
        "the guest was never told of stolen time",
        "the guest's record of stolen time is not brought up to date any more",
        beside="mp_state",
    ),
    reverse(BUFFERS),
    Rule(
        "`device_states.pci_state`",
        "added: no PCI bus",
        "lost if there is a PCI bus: the guest has it no more, nor any device on it",
        _add_pci,
        _drop_pci,
    ),
    derived(
        "vm_state.resource_allocator",
        lambda work, _: resource_allocator(work.data),
        "what the devices of the state have is taken, everything else is free",
    ),
)
