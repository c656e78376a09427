"""What virtio devices ask of their own state, whatever transport they are on.

`restore` in `persist.rs` of each device below `devices/virtio`; `TokenBucket::new` in
`rate_limiter/mod.rs`; `MmdsNetworkStack::restore` in `mmds/persist.rs`;
`VmResources::update_from_restored_device` in `resources.rs` (up to v1.13).

Left out is what the host has: disks, TAP devices, sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from emu.formats import checks
from emu.formats.firecracker.restore import queues
from emu.formats.firecracker.restore.devices import (
    BALLOON,
    BLOCK,
    ENTROPY,
    MEM,
    NET,
    PMEM,
    VSOCK,
    Kind,
    Transport,
)
from emu.formats.firecracker.restore.guest_memory import path as memory_path
from emu.formats.firecracker.restore.guest_memory import regions
from emu.formats.firecracker.restore.memory import PAGE_SIZE_BYTES
from emu.formats.loader import Check, Loader

_U64_MAX = (1 << 64) - 1
_NS_PER_MS = 1_000_000
_F_UNPLUGGED_INACCESSIBLE = 1 << 1


# --- rate limiters -----------------------------------------------------------------------------

_LIMITERS = {
    BLOCK: (("rate_limiter_state",), "VirtioBlockError::RateLimiter"),
    NET: (
        ("rx_rate_limiter_state", "tx_rate_limiter_state"),
        "NetPersistError::CreateRateLimiter",
    ),
    ENTROPY: (("rate_limiter_state",), "EntropyPersistError::RestoreRateLimiter"),
    PMEM: (("rate_limiter_state",), "PmemPersistError::RateLimiter"),
}


def _rate_limiters(transport: Transport, kind: Kind) -> Check:
    fields, error = _LIMITERS[kind]

    def faults(state: Any) -> Iterator[str]:
        for path, device in transport.restorable(state, kind):
            for field in fields:
                yield from _limiter_faults(f"{path}.{field}", getattr(device.device_state, field))

    rule = f"has rate limiters that fill up, in each {kind.noun} on {transport.bus}"
    return checks.faultless(rule, transport.error(kind.error, error), faults)


def _limiter_faults(path: str, limiter: Any) -> Iterator[str]:
    for name in ("ops", "bandwidth"):
        bucket = getattr(limiter, name)
        if bucket is None:
            continue
        if not bucket.size:
            yield f"{path}.{name}.size is 0; a bucket has tokens, or is None"
        if not 0 < bucket.refill_time <= _U64_MAX // _NS_PER_MS:
            yield (
                f"{path}.{name}.refill_time is {bucket.refill_time} ms; expected 1 to "
                f"{_U64_MAX // _NS_PER_MS}, so that it fits 64 bits in nanoseconds"
            )


# --- faults of one kind ------------------------------------------------------------------------


def _vhost_user(transport: Transport, loader_error: str) -> Check:
    def faults(state: Any) -> Iterator[str]:
        for path, device in transport.devices(state, BLOCK):
            if device.device_state.variant_name == "VhostUser":
                yield (
                    f"{path}.device_state is VhostUser; Firecracker can't restore a disk that "
                    "another process serves: remove it"
                )

    return checks.faultless(
        f"has no vhost-user block device on {transport.bus}", loader_error, faults
    )


def _no_huge_pages(transport: Transport) -> Check:
    def faults(state: Any) -> Iterator[str]:
        for path, _ in transport.devices(state, BALLOON):
            if state.vm_info.huge_pages.value != "None":
                yield (
                    f"{path} is present and data.vm_info.huge_pages is "
                    f"{state.vm_info.huge_pages.value}; up to v1.13 a VM has one or the other"
                )

    inner = "ResourcesError::BalloonDevice(BalloonConfigError::HugePages)"
    loader_error = transport.error("ResourcesError", inner)
    return checks.faultless(
        f"has no balloon on {transport.bus} with huge pages", loader_error, faults
    )


def _mmds_connections(transport: Transport) -> Check:
    def faults(state: Any) -> Iterator[str]:
        for path, device in transport.devices(state, NET):
            stack = device.device_state.mmds_ns
            for field in ("max_connections", "max_pending_resets"):
                if stack is not None and getattr(stack, field) == 0:
                    yield f"{path}.device_state.mmds_ns.{field} is 0; expected at least 1"

    return checks.faultless(
        "has metadata services that take connections", "panic: unwrap on None: NonZeroUsize", faults
    )


def _mmds_store(transport: Transport) -> Check:
    def faults(state: Any) -> Iterator[str]:
        for path, device in transport.devices(state, NET):
            if device.device_state.mmds_ns is not None and transport.find(state).mmds is None:
                yield (
                    f"{path}.device_state.mmds_ns is present, but {transport.path}.mmds is None; "
                    "expected the version of the metadata service there"
                )

    loader_error = transport.error(NET.error, "NetPersistError::NoMmdsDataStore")
    return checks.faultless("has the metadata service of its network", loader_error, faults)


def _pmem_region(transport: Transport) -> Check:
    """KVM takes the region: whole pages that nothing else has (Linux `kvm_main.c`)."""

    def faults(state: Any) -> Iterator[str]:
        taken = [
            (region.base_address, region.size, f"{memory_path(state)}[{index}]")
            for index, region in enumerate(regions(state))
            if region.region_type.value == "Dram"
        ]
        for path, device in transport.devices(state, PMEM):
            space, space_path = (
                device.device_state.config_space,
                f"{path}.device_state.config_space",
            )
            taken.append((space.start, space.size, space_path))
            if not space.size or (space.start | space.size) % PAGE_SIZE_BYTES:
                yield (
                    f"{space_path} begins at {space.start:#x} and has {space.size:,} bytes; "
                    f"expected pages of at least {PAGE_SIZE_BYTES:,} bytes"
                )
        for (start, size, path), (next_start, _, next_path) in pairwise(sorted(taken)):
            if start + size > next_start and "config_space" in path + next_path:
                yield f"{path} and {next_path} overlap at {next_start:#x}; expected them apart"

    loader_error = transport.error(PMEM.error, "PmemError::SetUserMemoryRegion")
    return checks.faultless(
        f"has pmem devices on {transport.bus} apart from RAM", loader_error, faults
    )


def lacks_unplugged_inaccessible(path: str, virtio: Any) -> Iterator[str]:
    """The fault of an activated virtio-mem device whose driver may touch what is not there."""
    if not virtio.acked_features & _F_UNPLUGGED_INACCESSIBLE:
        yield (
            f"{path}.acked_features is {virtio.acked_features:#x}; expected the bit 1, "
            "UNPLUGGED_INACCESSIBLE, of an activated device"
        )


def activation(transport: Transport) -> Loader:
    """What is asked when a device on the MMIO bus is activated, from v1.14: `activate`."""

    def faults(state: Any) -> Iterator[str]:
        for path, _, virtio in transport.virtio_states(state, MEM):
            if virtio.activated:
                yield from lacks_unplugged_inaccessible(path, virtio)

    return (
        checks.faultless(
            "has virtio-mem devices whose driver leaves alone what is not plugged in",
            transport.error("DeviceActivation", "ActivateError::RequiredFeatureNotAcked"),
            faults,
        ),
    )


# --- releases ----------------------------------------------------------------------------------


def _common(transport: Transport, mmds: Loader, vhost_user: str, *, idle_sizes: bool) -> Loader:
    """The devices that every release has, but for the balloon."""
    return (
        _vhost_user(transport, vhost_user),
        _rate_limiters(transport, BLOCK),
        queues.check(transport, BLOCK, idle_sizes=idle_sizes),
        _rate_limiters(transport, NET),
        *mmds,
        queues.check(transport, NET, idle_sizes=idle_sizes),
        queues.check(transport, VSOCK, idle_sizes=idle_sizes),
        queues.check(transport, ENTROPY, idle_sizes=idle_sizes),
        _rate_limiters(transport, ENTROPY),
    )


def _not_snapshotted(transport: Transport) -> str:
    return transport.error(BLOCK.error, "VhostUserBlockError::SnapshottingNotSupported")


def up_to_1_12(transport: Transport, *, of_1_9: bool = False) -> Loader:
    """The devices of v1.9 to v1.12."""
    return (
        queues.check(transport, BALLOON, idle_sizes=True),
        _no_huge_pages(transport),
        *_common(
            transport,
            (_mmds_connections(transport),) if of_1_9 else (),
            "panic: unimplemented" if of_1_9 else _not_snapshotted(transport),
            idle_sizes=True,
        ),
    )


def of_1_13(transport: Transport, *, needs_mmds: bool) -> Loader:
    """The devices of v1.13; `needs_mmds` if the transport makes no metadata service by itself."""
    return (
        queues.check(transport, BALLOON),
        _no_huge_pages(transport),
        *_common(
            transport,
            (_mmds_store(transport),) if needs_mmds else (),
            _not_snapshotted(transport),
            idle_sizes=False,
        ),
    )


def from_1_14(transport: Transport, *, needs_mmds: bool, pmem_limited: bool) -> Loader:
    """The devices of v1.14 and later.

    Args:
        transport: where they are.
        needs_mmds: whether the transport makes no metadata service by itself.
        pmem_limited: whether pmem devices have rate limiters, as from v1.16.
    """
    balloon, _, *others = of_1_13(transport, needs_mmds=needs_mmds)
    return (
        balloon,
        *others,
        queues.check(transport, PMEM),
        _pmem_region(transport),
        *((_rate_limiters(transport, PMEM),) if pmem_limited else ()),
        queues.check(transport, MEM),
    )
