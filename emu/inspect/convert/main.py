"""v1.16 and main: one bus for virtio devices, no record of interrupts, vsocks that wait.

Source: Firecracker v1.16.0 and main at commit 81b38b9dad60, below `src/vmm/src`:
`device_manager/`, `vstate/resources.rs`, `devices/virtio/vsock/device.rs`,
`devices/virtio/transport/pci/device.rs`, `vmm_config/machine_config.rs`.
"""

from __future__ import annotations

from typing import Any, Final

from emu.inspect.convert.handed_out import hand_out_gsi, legacy_gsis, msi_gsis
from emu.inspect.convert.rules import Rule, Step, derived, nothing, reverse, structs
from emu.inspect.convert.tree import Fields, Items, Leaf, Tree, items, planted
from emu.inspect.convert.v1_13 import NO_PCI, lose_unlike
from emu.inspect.convert.v1_16 import bar_address
from emu.inspect.convert.work import Work, fields, leaf, put, take

_ALLOCATORS = "vm_state.resource_allocator"
_NO_DEVICES: Final[dict[str, Any]] = {
    **{name: value for name, value in NO_PCI.items() if name != "pci_enabled"},
    "pmem_devices": [],
    "memory_device": None,
}
_DEVICES = "device_states"

# --- virtio devices ----------------------------------------------------------------------------


def _one_bus(work: Work) -> None:
    mmio, pci = take(work.data, f"{_DEVICES}.mmio_state"), take(work.data, f"{_DEVICES}.pci_state")
    assert isinstance(mmio, Fields)
    assert isinstance(pci, Fields)
    enabled = take(pci, "pci_enabled")
    assert isinstance(enabled, Leaf)
    bus, other = (pci, mmio) if enabled.value else (mmio, pci)
    bus.variant = "Pci" if enabled.value else "Mmio"
    lose_unlike(work, other, _NO_DEVICES, "the guest has the device no more")
    put(work.data, f"{_DEVICES}.virtio_state", bus)


def _two_buses(work: Work) -> None:
    bus = take(work.data, f"{_DEVICES}.virtio_state")
    assert isinstance(bus, Fields)
    other = planted(_NO_DEVICES)
    assert isinstance(other, Fields)
    mmio, pci = (other, bus) if bus.variant == "Pci" else (bus, other)
    put(pci, "pci_enabled", work.add(planted(pci is bus), "the devices are on that bus"))
    bus.variant = ""
    put(work.data, f"{_DEVICES}.mmio_state", mmio)
    put(work.data, f"{_DEVICES}.pci_state", pci)


# --- serial port and clock ---------------------------------------------------------------------


def _by_name(work: Work) -> None:
    devices = take(work.data, f"{_DEVICES}.mmio_state.legacy_devices")
    platform: dict[str, Tree] = {"serial": Leaf(None), "rtc": Leaf(None)}
    for device in items(devices):
        name = fields(device, "type_").variant.lower()
        if name in platform and isinstance(platform[name], Leaf):
            platform[name] = fields(device, "device_info")
        else:
            work.lose(device, "the guest has the device no more")
    put(work.data, f"{_DEVICES}.mmio_platform_state", Fields(platform))


def _listed(work: Work) -> None:
    platform = take(work.data, f"{_DEVICES}.mmio_platform_state")
    assert isinstance(platform, Fields)
    listed: list[Tree] = [
        Fields({"type_": Fields({}, kind), "device_info": platform.fields[kind.lower()]})
        for kind in ("Serial", "Rtc")
        if isinstance(platform.fields[kind.lower()], Fields)
    ]
    put(work.data, f"{_DEVICES}.mmio_state.legacy_devices", Items(listed))


def _number_clock(work: Work) -> None:
    """v1.13 to v1.16 take a clock without an interrupt, and never raise the one that it has."""
    for device in structs(work.data, "type_"):
        gsi = leaf(device, "device_info.gsi")
        if gsi.value is None and fields(device, "type_").variant == "Rtc":
            work.change(gsi, hand_out_gsi(work), f"{work.release} insists on an interrupt")


# --- configuration -----------------------------------------------------------------------------


def _small_pages(work: Work) -> None:
    pages = leaf(work.data, "vm_info.huge_pages")
    if pages.value == "Transparent":
        work.lose(pages, "nothing, but it may be slower: the host backs its RAM by small pages")
        pages.value = "None"


# --- the whole ---------------------------------------------------------------------------------


def _is_active(vsock: Fields) -> bool:
    return bool(leaf(vsock, "virtio_state.activated").value)


STEP: Final[Step] = (
    Rule(
        "interrupt of the clock",
        "kept; if there is none, a free one, which is never raised",
        "kept",
        _number_clock,
        nothing,
    ),
    reverse(
        derived(
            f"{_ALLOCATORS}.gsi_legacy_allocator",
            lambda work, _: legacy_gsis(work.data),
            "what the devices of the state have is taken",
        )
    ),
    reverse(
        derived(
            f"{_ALLOCATORS}.gsi_msi_allocator",
            lambda work, _: msi_gsis(work.data),
            "what the devices of the state have is taken",
        )
    ),
    Rule(
        "`legacy_devices`",
        "kept as `mmio_platform_state`; a second one of a kind is lost",
        "kept",
        _by_name,
        _listed,
    ),
    Rule(
        "`mmio_state` and `pci_state`",
        "kept as `virtio_state`, PCI if it is enabled; devices on the other bus are lost",
        "kept; the other bus is empty",
        _one_bus,
        _two_buses,
    ),
    Rule(
        "`huge_pages`",
        "kept",
        "`Transparent` is lost: the host backs RAM by small pages",
        nothing,
        _small_pages,
    ),
    derived(
        "pending_event_ack",
        lambda _, vsock: planted(_is_active(vsock)),
        "a vsock that is active waits, as it does in v1.16 after a restore",
        "after a restore, v1.16 waits exactly if the vsock is active: the host's connections may "
        "hang, or be reset",
        beside="cid",
        is_harmless=lambda value, vsock: bool(value == _is_active(vsock)),
        unless="it waits if it is active",
    ),
    derived(
        "bar_address",
        lambda _, transport: planted(bar_address(transport)),
        "it is in the base address registers",
        "the device's registers are where its base address register says",
        beside="cap_pci_cfg",
        is_harmless=lambda value, transport: bool(value == bar_address(transport)),
        unless="it is that of the base address registers",
    ),
)
