"""v1.13 and v1.14: memory that is plugged in, persistent memory, hints of free pages.

Source: Firecracker v1.13.0 and v1.14.0, below `src/vmm/src`: `vstate/memory.rs`,
`device_manager/`, `devices/virtio/balloon/persist.rs`, `devices/virtio/transport/pci/device.rs`,
`devices/acpi/vmgenid.rs`; `src/pci/src/configuration.rs`.
"""

from __future__ import annotations

from typing import Final

from emu.arch import virtio
from emu.formats.firecracker import resources
from emu.formats.firecracker.system_memory import VMGENID_ALIGNMENT_BYTES, VMGENID_SIZE_BYTES
from emu.inspect.convert.handed_out import (
    hand_out_gsi,
    hand_out_system_memory,
    nothing_of,
)
from emu.inspect.convert.rules import (
    Rule,
    Step,
    added,
    derived,
    moved,
    nothing,
    reverse,
    structs,
)
from emu.inspect.convert.tree import Fields, Items, Leaf, items, plain, planted
from emu.inspect.convert.work import Work, fields, leaf, put, take

_MMIO, _PCI = "legacy_devices", "pci_enabled"

# --- memory ------------------------------------------------------------------------------------

_PLUGGED = derived(
    "plugged",
    lambda *_: planted([True]),
    "DRAM is one slot, which is plugged in",
    "what was not plugged in is RAM as well, which the guest leaves alone",
    beside="base_address",
    is_harmless=lambda value, _: all(value),
    unless="all of it is plugged in",
)


def _memory_devices(beside: str) -> Step:
    gone = "the guest has the device no more, and its accesses to it lead to nothing"
    return (
        added("pmem_devices", [], "v1.13 has no persistent memory", gone, beside=beside),
        added("memory_device", None, "v1.13 can't plug in memory", gone, beside=beside),
    )


# --- balloon -----------------------------------------------------------------------------------

_BALLOON = "stats_polling_interval_s"
_HINTS = {"host_cmd": 0, "last_cmd_id": 0, "guest_cmd": None, "acknowledge_on_finish": False}
_FREE_PAGES = sum(
    1 << bit
    for bit, name in virtio.BALLOON.features.items()
    if name in {"FREE_PAGE_HINT", "PAGE_REPORTING"}
)
_NEW_STATISTICS = (
    "oom_kill",
    "alloc_stall",
    "async_scan",
    "direct_scan",
    "async_reclaim",
    "direct_reclaim",
)


def _drop_queues(work: Work) -> None:
    """v1.13 takes no more queues than it knows: two, and one for statistics."""
    for balloon in structs(work.data, _BALLOON):
        state = fields(balloon, "virtio_state")
        offered, used = leaf(state, "avail_features"), leaf(state, "acked_features")
        if used.value & _FREE_PAGES:
            work.lose(
                used,
                "the guest goes on to tell of free pages, and nobody takes note",
                f"{work.release} does not know FREE_PAGE_HINT and PAGE_REPORTING",
            )
        for features in (offered, used):
            without = features.value & ~_FREE_PAGES
            work.change(features, without, f"{work.release} has no queues for free pages")
        queues = state.fields["queues"]
        known = 3 if leaf(balloon, _BALLOON).value else 2
        for queue in items(queues)[known:]:
            work.lose(queue, "what the guest puts into the queue stays there")
        if isinstance(queues, Items):
            del queues.items[known:]


_QUEUES = Rule(
    "queues of a balloon for hints and reports of free pages",
    "none: the guest has chosen without them",
    "lost, and the features with them",
    nothing,
    _drop_queues,
)


def _drop_balloon_of_huge_pages(work: Work) -> None:
    if leaf(work.data, "vm_info.huge_pages").value == "None":
        return
    for bus in structs(work.data, "balloon_device"):
        balloon = bus.fields["balloon_device"]
        if isinstance(balloon, Fields):
            work.lose(
                balloon,
                "the guest has its balloon no more, and its accesses to it lead to nothing",
                f"{work.release} takes no balloon with huge pages",
            )
            bus.fields["balloon_device"] = Leaf(None, balloon.origin)


_HUGE_PAGES = Rule(
    "a balloon with huge pages",
    "none there",
    "lost: the guest has its balloon no more",
    nothing,
    _drop_balloon_of_huge_pages,
)


# --- PCI ---------------------------------------------------------------------------------------

_BAR = {
    "size": 0x8_0000,
    "idx": 0,
    "region_type": "Memory64BitRegion",
    "prefetchable": "NotPrefetchable",
}


def _to_address(work: Work) -> None:
    for transport in structs(work.data, "bar_configuration"):
        bar = take(transport, "bar_configuration")
        assert isinstance(bar, Fields)
        put(transport, "bar_address", bar.fields.pop("addr"))
        for name, part in bar.fields.items():
            if plain(part) != _BAR[name]:
                work.lose(part, "its registers are 64-bit memory of 512 KiB, whatever it was")


def _to_configuration(work: Work) -> None:
    for transport in structs(work.data, "bar_address"):
        address = take(transport, "bar_address")
        bar = work.add(planted(_BAR), "what all of Firecracker's devices have")
        assert isinstance(bar, Fields)
        assert address is not None
        put(bar, "addr", address)
        put(transport, "bar_configuration", bar)


def _bar_type(index: int, used: bool) -> str | None:
    """The upper half of a 64-bit register has none."""
    return "Memory64BitRegion" if used and index == 0 else None


def _drop_types(work: Work) -> None:
    for configuration in structs(work.data, "bars"):
        for index, bar in enumerate(items(configuration.fields["bars"])):
            assert isinstance(bar, Fields)
            kind = take(bar, "type")
            if kind and plain(kind) != _bar_type(index, leaf(bar, "used").value):
                work.lose(kind, "the register is that of 64-bit memory, whatever it was")


def _add_types(work: Work) -> None:
    for configuration in structs(work.data, "bars"):
        for index, bar in enumerate(items(configuration.fields["bars"])):
            assert isinstance(bar, Fields)
            kind = _bar_type(index, leaf(bar, "used").value)
            why = "the first register of a device is 64-bit memory"
            put(bar, "type", work.add(planted(kind), why))


def _rom(name: str, value: int | bool) -> Rule:
    effect = "the device has no expansion ROM any more"
    return reverse(
        added(name, value, "no device has an expansion ROM", effect, beside="writable_bits")
    )


# --- VMGenID -----------------------------------------------------------------------------------


def _needs_vmgenid(work: Work) -> None:
    """Make the device that v1.14 insists on.

    The 16 bytes are in system memory, of which the guest's device tree says nothing, and so does
    it of the interrupt: a guest that was booted without the device does not notice it.
    """
    acpi = fields(work.data, "device_states.acpi_state")
    if isinstance(acpi.fields["vmgenid"], Fields):
        return
    vmgenid = {
        "gsi": hand_out_gsi(work),
        "addr": hand_out_system_memory(work, VMGENID_SIZE_BYTES, VMGENID_ALIGNMENT_BYTES),
    }
    why = "v1.14 insists on a VMGenID; the guest does not know of it"
    acpi.fields["vmgenid"] = work.add(planted(vmgenid), why)


# --- the whole ---------------------------------------------------------------------------------

STEP: Final[Step] = (
    added(
        "region_type",
        "Dram",
        "v1.13 has no other RAM",
        "the region is RAM of which nothing can be unplugged any more",
        beside="base_address",
    ),
    _PLUGGED,
    derived(
        "vm_state.resource_allocator.past_mmio64_memory",
        lambda *_: nothing_of(resources.PAST_MMIO64),
        "nothing is handed out there",
    ),
    added(
        "hinting_state",
        _HINTS,
        "no hints of free pages were asked for",
        "a run of hints that is under way comes to nothing",
        beside=_BALLOON,
    ),
    _QUEUES,
    _HUGE_PAGES,
    *(
        added(
            name,
            None,
            "the guest has not said",
            "the API does not tell it any more",
            beside="disk_caches",
        )
        for name in _NEW_STATISTICS
    ),
    Rule(
        "`type` of PCI `bars`",
        "left out: 64-bit memory",
        "added: 64-bit memory",
        _drop_types,
        _add_types,
    ),
    _rom("rom_bar_addr", 0),
    _rom("rom_bar_size", 0),
    _rom("rom_bar_used", False),
    moved("msi_vector_group", "msix_state.vectors", beside="cap_pci_cfg"),
    Rule(
        "`bar_configuration` of PCI devices",
        "`addr` is kept as `bar_address`; the rest is the same for all devices",
        "made of `bar_address` and of what is the same for all devices",
        _to_address,
        _to_configuration,
    ),
    *_memory_devices(_MMIO),
    *_memory_devices(_PCI),
    Rule(
        "`vmgenid`",
        "kept; where there is none, one is added that the guest does not know of",
        "kept",
        _needs_vmgenid,
        nothing,
    ),
)
