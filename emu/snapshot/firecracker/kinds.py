"""Virtio devices in a state file, type by type: what of their states has another name or shape.

What the file and the device have under the same name is not told here. Sources: `persist.rs` of
each device below `src/vmm/src/devices/virtio` of Firecracker v1.9.0 to v1.16.1 and of its main
branch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from emu.arch.virtio import BALLOON, BLOCK
from emu.devices.virtio.balloon import BalloonConfig, BalloonState
from emu.devices.virtio.block import BlockConfig, BlockState
from emu.devices.virtio.config import DeviceConfig
from emu.devices.virtio.device import VirtioState
from emu.devices.virtio.net import NetConfig
from emu.devices.virtio.net_state import NetConfigSpaceState, NetState
from emu.devices.virtio.rate_limiter import (
    RateLimiterConfig,
    RateLimiterState,
    TokenBucketConfig,
    TokenBucketState,
)
from emu.devices.virtio.rng import RngConfig, RngState
from emu.devices.virtio.vsock import VsockConfig, VsockState
from emu.errors import IncompatibleError
from emu.formats.firecracker.device_types import DeviceType
from emu.snapshot.firecracker.backings import Backings
from emu.snapshot.firecracker.fields import build, named
from emu.wire.facts import Facts, Variant

_PAGES_PER_MIB: Final = 256


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of device in a state file.

    Attributes:
        type: Firecracker's name of it.
        field: where the states of a bus have devices of the type: a list, or one or None.
        virtio: gives what all types have, of a `device_state`.
        facts: what is in its `device_state`, of a device's state and the facts of what all have.
        state: the device's state, of a `device_state` and the state of what all have.
        config: what its user chose, of its id, its state, and what stands behind it.
    """

    type: DeviceType
    field: str
    virtio: Callable[[Any], Any]
    facts: Callable[[Any, Facts], Facts | Variant]
    state: Callable[[Any, VirtioState], Any]
    config: Callable[[str, Any, Backings], DeviceConfig]


def _virtio_state(saved: Any) -> Any:
    return saved.virtio_state


# --- rate limiters -----------------------------------------------------------------------------


def _limits(state: RateLimiterState) -> RateLimiterConfig:
    """What was chosen of a limiter. Of tokens that never come back it is what is left."""
    return RateLimiterConfig(bandwidth=_bucket(state.bandwidth), ops=_bucket(state.ops))


def _bucket(state: TokenBucketState | None) -> TokenBucketConfig | None:
    if state is None:
        return None
    return TokenBucketConfig(
        size=state.size, refill_time_ms=state.refill_time, one_time_burst=state.one_time_burst
    )


# --- block -------------------------------------------------------------------------------------


def _block_virtio(saved: Any) -> Any:
    if saved.variant_name != "Virtio":
        raise IncompatibleError(
            f"the block device {saved.id} is {saved.variant_name}: a disk that another process "
            "serves, which this machine does not have"
        )
    return saved.virtio_state


def _block_facts(state: BlockState, virtio: Facts) -> Variant:
    renamed = {
        "virtio_state": virtio,
        "rate_limiter_state": state.rate_limiter,
        "cache_type": state.cache_type.value,
        "file_engine_type": state.file_engine_type.value,
    }
    return Variant("Virtio", {**named(state), **renamed})


def _block_state(saved: Any, virtio: VirtioState) -> BlockState:
    limiter = build(RateLimiterState, saved.rate_limiter_state)
    return build(BlockState, saved, virtio=virtio, rate_limiter=limiter)


def _block_config(name: str, state: BlockState, backings: Backings) -> BlockConfig:
    is_read_only = bool(state.virtio.avail_features & BLOCK.mask("RO"))
    return BlockConfig(
        id=name,
        disk=backings.disk(state.disk_path, is_read_only),
        path=state.disk_path,
        is_read_only=is_read_only,
        is_root=state.root_device,
        partuuid=state.partuuid,
        cache_type=state.cache_type,
        rate_limiter=_limits(state.rate_limiter),
        file_engine=state.file_engine_type,
    )


# --- network -----------------------------------------------------------------------------------


def _net_facts(state: NetState, virtio: Facts) -> Facts:
    mac = state.config_space.guest_mac
    space = {**named(state.config_space), "guest_mac": None if mac is None else mac.hex(":")}
    return {**named(state), "config_space": space, "mmds_ns": None, "virtio_state": virtio}


def _net_state(saved: Any, virtio: VirtioState) -> NetState:
    if saved.mmds_ns is not None:
        raise IncompatibleError(
            f"the network device {saved.id} leads to a metadata service, which this machine does "
            "not have"
        )
    mac = saved.config_space.guest_mac
    space = build(
        NetConfigSpaceState,
        saved.config_space,
        guest_mac=None if mac is None else bytes(int(byte, 16) for byte in mac.split(":")),
    )
    return build(NetState, saved, virtio=virtio, config_space=space)


def _net_config(name: str, state: NetState, backings: Backings) -> NetConfig:
    return NetConfig(
        id=name,
        link=backings.link(state.tap_if_name),
        guest_mac=state.config_space.guest_mac,
        mtu=state.config_space.mtu,
        tap_if_name=state.tap_if_name,
        rx_rate_limiter=_limits(state.rx_rate_limiter_state),
        tx_rate_limiter=_limits(state.tx_rate_limiter_state),
    )


# --- vsock, balloon, entropy -------------------------------------------------------------------


def _vsock_virtio(saved: Any) -> Any:
    return saved.frontend.virtio_state


def _vsock_facts(state: VsockState, virtio: Facts) -> Facts:
    return {
        "backend": {**named(state), "path": state.uds_path},
        "frontend": {**named(state), "virtio_state": virtio},
    }


def _vsock_state(saved: Any, virtio: VirtioState) -> VsockState:
    backend, frontend = saved.backend, saved.frontend
    given = {"uds_path": backend.path} if hasattr(backend, "path") else named(backend)
    return build(VsockState, frontend, virtio=virtio, **given)


def _vsock_config(name: str, state: VsockState, backings: Backings) -> VsockConfig:
    return VsockConfig(
        id=name,
        cid=state.cid,
        uds_path=state.uds_path,
        endpoints=backings.endpoints(state.uds_path),
    )


def _plain_facts(state: BalloonState | RngState, virtio: Facts) -> Facts:
    return {**named(state), "virtio_state": virtio}


def _balloon_state(saved: Any, virtio: VirtioState) -> BalloonState:
    return build(BalloonState, saved, virtio=virtio)


def _balloon_config(name: str, state: BalloonState, _: Backings) -> BalloonConfig:
    offered = set(BALLOON.feature_names(state.virtio.avail_features))
    return BalloonConfig(
        id=name,
        amount_mib=state.config_space.num_pages // _PAGES_PER_MIB,
        deflate_on_oom="DEFLATE_ON_OOM" in offered,
        stats_polling_interval_s=state.stats_polling_interval_s,
        free_page_hinting="FREE_PAGE_HINT" in offered,
        free_page_reporting="PAGE_REPORTING" in offered,
    )


def _rng_state(saved: Any, virtio: VirtioState) -> RngState:
    return build(RngState, saved, virtio=virtio)


def _rng_config(name: str, state: RngState, _: Backings) -> RngConfig:
    return RngConfig(id=name, rate_limiter=_limits(state.rate_limiter_state))


KINDS: Final = (
    Kind(
        DeviceType.Balloon,
        "balloon_device",
        _virtio_state,
        _plain_facts,
        _balloon_state,
        _balloon_config,
    ),
    Kind(
        DeviceType.Block, "block_devices", _block_virtio, _block_facts, _block_state, _block_config
    ),
    Kind(DeviceType.Net, "net_devices", _virtio_state, _net_facts, _net_state, _net_config),
    Kind(
        DeviceType.Vsock, "vsock_device", _vsock_virtio, _vsock_facts, _vsock_state, _vsock_config
    ),
    Kind(DeviceType.Rng, "entropy_device", _virtio_state, _plain_facts, _rng_state, _rng_config),
)
"""Types of which this machine has a model."""

UNMODELLED: Final = {"pmem_devices": "pmem", "memory_device": "memory to be plugged in"}
"""Fields of devices that it does not have."""
