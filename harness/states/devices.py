"""The virtio devices, kind by kind.

Source: `persist.rs` and `device.rs` of each device below `devices/virtio`, and `mmds/ns.rs`, of
Firecracker v1.9.0 to v1.16.0 and of the main branch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from emu.formats.firecracker.device_types import DeviceType
from emu.wire.facts import Facts, Variant
from harness.states.guest import MIB, PAGE
from harness.states.releases import Kind
from harness.states.virtio import (
    QUEUE_SIZE,
    Device,
    Progress,
    rate_limiter,
    some_progress,
    virtio_state,
)
from harness.states.vm import HotPlug, Vm

_BLK_F_RO = 1 << 5
_BALLOON_F_HINTS = 1 << 3 | 1 << 5
"""Free page hinting and reporting, each with a queue of its own."""
_PMEM_ALIGNMENT = 2 * MIB
_UDS_PATH = "/srv/vm/v.sock"
_UNLIMITED: Final[Facts] = {"ops": None, "bandwidth": None}

_MMDS: Final[Facts] = {
    "mac_addr": bytes.fromhex("060123456701"),
    "ipv4_addr": 0xA9FE_A9FE,  # 169.254.169.254
    "tcp_port": 80,
    "max_connections": 30,
    "max_pending_resets": 100,
}

_STATISTICS: Final = (
    *("swap_in", "swap_out", "major_faults", "hugetlb_allocations", "hugetlb_failures"),
    *("oom_kill", "alloc_stall", "async_scan", "direct_scan", "async_reclaim", "direct_reclaim"),
)
"""Those of a guest that has memory enough: zeros."""

_HINTING: Final[Facts] = {
    "host_cmd": 0,
    "last_cmd_id": 0,
    "guest_cmd": None,
    "acknowledge_on_finish": False,
}


def attached(vm: Vm) -> Iterator[Device]:
    """All devices, in the order in which they are attached."""
    for kind, make in _MAKERS.items():
        for index in range(vm.machine.count(kind)):
            yield make(vm, index)


def _balloon(vm: Vm, _index: int) -> Device:
    pages = vm.machine.memory_mib // 8 * (MIB // PAGE)
    inflated = vm.random.randrange(pages + 1)
    # Inflate, deflate, statistics, of which the device holds a buffer.
    progress = [Progress(inflated // QUEUE_SIZE), Progress(), Progress(inflated % 1_000, held=1)]
    hints = vm.release.features[DeviceType.Balloon] & _BALLOON_F_HINTS
    progress += [Progress()] * hints.bit_count()
    state = {
        "stats_polling_interval_s": 1,
        "stats_desc_index": 0,
        "latest_stats": _balloon_statistics(vm),
        "config_space": {"num_pages": pages, "actual_pages": inflated},
        "hinting_state": _HINTING,
        "virtio_state": virtio_state(vm, DeviceType.Balloon, progress),
    }
    return Device(DeviceType.Balloon, "balloon", "balloon_device", state, len(progress))


def _balloon_statistics(vm: Vm) -> Facts:
    total = (vm.machine.memory_mib - 24) * MIB
    free = vm.random.randrange(total // 4, total // 2, PAGE)
    return {
        **dict.fromkeys(_STATISTICS, 0),
        "minor_faults": vm.random.randrange(10**6),
        "free_memory": free,
        "total_memory": total,
        "available_memory": free + total // 8,
        "disk_caches": total // 8,
    }


def _block(vm: Vm, index: int) -> Device:
    name = f"data{index}" if index else "rootfs"
    read_only = _BLK_F_RO if index and vm.random.randrange(4) == 0 else 0
    state = {
        "id": name,
        "partuuid": None,
        "cache_type": "Writeback",
        "root_device": not index,
        "disk_path": f"/srv/vm/{name}.ext4",
        "virtio_state": virtio_state(vm, DeviceType.Block, [some_progress(vm.random)], read_only),
        "rate_limiter_state": rate_limiter(vm.random),
        "file_engine_type": vm.random.choice(["Sync", "Async"]),
    }
    return Device(DeviceType.Block, name, "block_devices", Variant("Virtio", state), 1)


def _net(vm: Vm, index: int) -> Device:
    # Linux has given the device buffers for all of the receive queue.
    parsed = QUEUE_SIZE if vm.release.prefetches else 0
    receive = Progress(some_progress(vm.random).used, held=parsed)
    name = f"eth{index}"
    state = {
        "id": name,
        "tap_if_name": f"tap{index}",
        "rx_rate_limiter_state": rate_limiter(vm.random),
        "tx_rate_limiter_state": rate_limiter(vm.random),
        "mmds_ns": _MMDS if vm.machine.mmds and not index else None,
        "config_space": {"guest_mac": f"06:00:ac:10:00:{index + 2:02x}", "mtu": 1500},
        "virtio_state": virtio_state(vm, DeviceType.Net, [receive, some_progress(vm.random)]),
        "rx_buffers_state": {
            "parsed_descriptor_chains_nr": parsed,
            "used_descriptors": 0,
            "used_bytes": 0,
        },
    }
    return Device(DeviceType.Net, name, "net_devices", state, 2)


def _pmem(vm: Vm, index: int) -> Device:
    name = f"pmem{index}"
    size = vm.random.randrange(1, 129) * _PMEM_ALIGNMENT
    state = {
        "virtio_state": virtio_state(vm, DeviceType.Pmem, [some_progress(vm.random)]),
        "config_space": {
            "start": vm.placement.memory_device(size, _PMEM_ALIGNMENT),
            "size": size,
        },
        "config": {
            "id": name,
            "path_on_host": f"/srv/vm/{name}.img",
            "root_device": False,
            "read_only": bool(vm.random.randrange(2)),
            "rate_limiter": None,
        },
        "rate_limiter_state": _UNLIMITED,
    }
    return Device(DeviceType.Pmem, name, "pmem_devices", state, 1)


def _vsock(vm: Vm, _index: int) -> Device:
    # The snapshot has told the guest of a reset, in a buffer of the third queue.
    progress = [some_progress(vm.random), some_progress(vm.random), Progress(1)]
    state = {
        "backend": {
            "path": _UDS_PATH,
            "uds_path": _UDS_PATH,
            "local_port_last": (1 << 30) - 1 + vm.random.randrange(8),
        },
        "frontend": {
            "cid": 3,
            "virtio_state": virtio_state(vm, DeviceType.Vsock, progress),
            "pending_event_ack": True,
        },
    }
    return Device(DeviceType.Vsock, "vsock", "vsock_device", state, len(progress))


def _entropy(vm: Vm, _index: int) -> Device:
    state = {
        "virtio_state": virtio_state(vm, DeviceType.Rng, [some_progress(vm.random)]),
        "rate_limiter_state": rate_limiter(vm.random),
    }
    return Device(DeviceType.Rng, "rng", "entropy_device", state, 1)


def _mem(vm: Vm, _index: int) -> Device:
    hotplug = vm.hotplug
    assert hotplug is not None
    blocks = HotPlug.SIZE // HotPlug.BLOCK_SIZE
    plugged = hotplug.plugged_blocks
    state = {
        "virtio_state": virtio_state(vm, DeviceType.Mem, [Progress(plugged)]),
        "addr": hotplug.address,
        "region_size": HotPlug.SIZE,
        "block_size": HotPlug.BLOCK_SIZE,
        "usable_region_size": hotplug.plugged_slots * HotPlug.SLOT_SIZE,
        "requested_size": plugged * HotPlug.BLOCK_SIZE,
        "slot_size": HotPlug.SLOT_SIZE,
        "plugged_blocks": [block < plugged for block in range(blocks)],
    }
    return Device(DeviceType.Mem, "mem", "memory_device", state, 1)


_MAKERS: Final[dict[Kind, Callable[[Vm, int], Device]]] = {
    "balloon": _balloon,
    "block": _block,
    "net": _net,
    "pmem": _pmem,
    "vsock": _vsock,
    "entropy": _entropy,
    "mem": _mem,
}
"""In the order of `build_microvm_for_boot`."""
