"""Faults of the state of virtio devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from emu.formats.firecracker.restore.devices import (
    BALLOON,
    BLOCK,
    ENTROPY,
    MEM,
    NET,
    PMEM,
    VSOCK,
    Kind,
)
from tests.formats.firecracker.fault import Fault, Mutate, latest, setting
from tests.formats.firecracker.states import RELEASES, Built, plain, struct_named

# --- virtio devices ----------------------------------------------------------------------------


@dataclass(frozen=True)
class OnBus:
    """Faults of the devices on a transport."""

    bus: str

    def named(
        self, kind: Kind, error: str, mutate: Mutate, since: str = "1.9", until: str = "main"
    ) -> Iterator[Fault]:
        """A fault that v1.13 to v1.15 panic at if the device is on the PCI bus."""
        error_since_1_16 = f"DevicePersistError::{kind.error}({error})"
        if self.bus == "MMIO":
            yield Fault(error_since_1_16, mutate, since, until, self.bus)
            return
        if RELEASES.index(since) < RELEASES.index("1.16"):
            yield Fault(f"panic: unwrap on {error}", mutate, latest(since, "1.13"), "1.15", "PCI")
        yield Fault(error_since_1_16, mutate, latest(since, "1.16"), until, self.bus)

    def device(self, kind: Kind) -> Callable[[Built], Any]:
        return lambda built: built.device(self.bus, kind).device_state

    def virtio(self, kind: Kind) -> Callable[[Built], Any]:
        return lambda built: built.virtio(self.bus, kind)

    def queue(self, kind: Kind, **fields: Any) -> Mutate:
        return setting(lambda built: built.virtio(self.bus, kind).queues[-1], **fields)

    def limiter(self, kind: Kind, field: str, **fields: Any) -> Mutate:
        def mutate(built: Built) -> None:
            bucket = plain(struct_named(built.release, "TokenBucketState"))
            bucket.size = bucket.refill_time = 1
            for name, value in fields.items():
                setattr(bucket, name, value)
            getattr(self.device(kind)(built), field).bandwidth = bucket

        return mutate

    def mmds(self, **fields: Any) -> Mutate:
        def mutate(built: Built) -> None:
            stack = plain(struct_named(built.release, "MmdsNetworkStackState"))
            for name, value in fields.items():
                setattr(stack, name, value)
            self.device(NET)(built).mmds_ns = stack

        return mutate

    def vhost_user(self, built: Built) -> None:
        old = self.device(BLOCK)(built)
        built.device(self.bus, BLOCK).device_state = built.release.types()["VhostUserBlockState"](
            old.id, None, old.cache_type, False, "", 0, b"", old.virtio_state
        )

    def wrong_type(self, built: Built) -> None:
        self.virtio(VSOCK)(built).device_type = self.virtio(BLOCK)(built).device_type

    def balloon_faults(self) -> Iterator[Fault]:
        queueless = setting(self.device(BALLOON), stats_polling_interval_s=1)
        yield from self.named(BALLOON, "BalloonError::QueueRestoreError", queueless)
        error = "ResourcesError::BalloonDevice(BalloonConfigError::HugePages)"
        if self.bus == "MMIO":
            outer = f"DevicePersistError::ResourcesError({error})"
            yield Fault(outer, _with_huge_pages, until="1.13")
        else:
            outer = f"panic: unwrap on {error}"
            yield Fault(outer, _huge_pages_and_pci_balloon, "1.13", "1.13", "PCI", alone=True)

    def faults(self) -> Iterator[Fault]:
        """The faults in the order in which devices are restored."""
        yield from self.balloon_faults()
        if self.bus == "MMIO":
            yield Fault("panic: unimplemented", self.vhost_user, until="1.9")
        unsupported = "VhostUserBlockError::SnapshottingNotSupported"
        yield from self.named(BLOCK, unsupported, self.vhost_user, since="1.10")
        endless = self.limiter(BLOCK, "rate_limiter_state", size=0)
        yield from self.named(BLOCK, "VirtioBlockError::RateLimiter", endless)
        yield from self.named(BLOCK, "VirtioBlockError::Persist", self.queue(BLOCK, max_size=128))
        slow = self.limiter(NET, "tx_rate_limiter_state", refill_time=1 << 50)
        yield from self.named(NET, "NetPersistError::CreateRateLimiter", slow)
        if self.bus == "MMIO":
            closed = self.mmds(max_connections=0)
            yield Fault("panic: unwrap on None: NonZeroUsize", closed, until="1.9")
            yield from self.named(NET, "NetPersistError::NoMmdsDataStore", self.mmds(), "1.13")
        yield from self.named(NET, "NetPersistError::VirtioState", self.queue(NET, ready=False))
        yield from self.named(VSOCK, "VsockError::VirtioState", self.wrong_type)
        featureless = setting(self.virtio(ENTROPY), avail_features=0)
        yield from self.named(ENTROPY, "EntropyPersistError::VirtioState", featureless)
        still = self.limiter(ENTROPY, "rate_limiter_state", refill_time=0)
        yield from self.named(ENTROPY, "EntropyPersistError::RestoreRateLimiter", still)
        yield from self.memory_faults()

    def memory_faults(self) -> Iterator[Fault]:
        outside = self.queue(PMEM, used_ring=0x8800_0000 - 64)
        yield from self.named(PMEM, "PmemPersistError::VirtioState", outside, "1.14")
        on_ram = setting(lambda built: self.device(PMEM)(built).config_space, start=0x8000_0000)
        yield from self.named(PMEM, "PmemError::SetUserMemoryRegion", on_ram, "1.14")
        endless = self.limiter(PMEM, "rate_limiter_state", size=0)
        yield from self.named(PMEM, "PmemPersistError::RateLimiter", endless, "1.16")
        unaligned = self.queue(MEM, desc_table=0x8020_0008)
        yield from self.named(MEM, "VirtioMemPersistError::VirtioState", unaligned, "1.14")


def _with_huge_pages(built: Built) -> None:
    info = built.state.vm_info
    info.huge_pages = type(info.huge_pages)("2M")


def _huge_pages_and_pci_balloon(built: Built) -> None:
    _with_huge_pages(built)
    built.mmio.balloon_device = None
