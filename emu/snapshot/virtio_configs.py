"""What a user would choose, for a device whose state is loaded into it then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from emu.arch.virtio import BALLOON, BLOCK
from emu.devices.virtio.balloon import BalloonConfig, BalloonState
from emu.devices.virtio.block import BlockConfig, BlockState
from emu.devices.virtio.config import DeviceConfig
from emu.devices.virtio.net import NetConfig
from emu.devices.virtio.net_state import NetState
from emu.devices.virtio.rate_limiter import (
    RateLimiterConfig,
    RateLimiterState,
    TokenBucketConfig,
    TokenBucketState,
)
from emu.devices.virtio.rng import RngConfig, RngState
from emu.devices.virtio.vsock import VsockConfig, VsockState
from emu.snapshot.backings import Backings

_PAGES_PER_MIB: Final = 256


def config_of(name: str, state: Any, backings: Backings) -> DeviceConfig:
    """What a user would choose of a device.

    Args:
        name: its id.
        state: its state, of the class of its type.
        backings: what stands behind it.

    Raises:
        BackingError: what stands behind it is not there.
    """
    return _CONFIGS[type(state)](name, state, backings)


def _balloon(name: str, state: BalloonState, _backings: Backings) -> BalloonConfig:
    offered = set(BALLOON.feature_names(state.virtio.avail_features))
    return BalloonConfig(
        id=name,
        amount_mib=state.config_space.num_pages // _PAGES_PER_MIB,
        deflate_on_oom="DEFLATE_ON_OOM" in offered,
        stats_polling_interval_s=state.stats_polling_interval_s,
        free_page_hinting="FREE_PAGE_HINT" in offered,
        free_page_reporting="PAGE_REPORTING" in offered,
    )


def _block(name: str, state: BlockState, backings: Backings) -> BlockConfig:
    is_read_only = bool(state.virtio.avail_features & BLOCK.mask("RO"))
    return BlockConfig(
        id=name,
        disk=backings.disk(name, state.disk_path),
        path=state.disk_path,
        is_read_only=is_read_only,
        is_root=state.root_device,
        partuuid=state.partuuid,
        cache_type=state.cache_type,
        rate_limiter=_limits(state.rate_limiter_state),
        file_engine=state.file_engine_type,
    )


def _net(name: str, state: NetState, backings: Backings) -> NetConfig:
    return NetConfig(
        id=name,
        link=backings.link(name),
        guest_mac=state.config_space.guest_mac,
        mtu=state.config_space.mtu,
        tap_if_name=state.tap_if_name,
        rx_rate_limiter=_limits(state.rx_rate_limiter_state),
        tx_rate_limiter=_limits(state.tx_rate_limiter_state),
    )


def _vsock(name: str, state: VsockState, backings: Backings) -> VsockConfig:
    return VsockConfig(
        id=name, cid=state.cid, uds_path=state.uds_path, endpoints=backings.endpoints
    )


def _rng(name: str, state: RngState, _backings: Backings) -> RngConfig:
    return RngConfig(id=name, rate_limiter=_limits(state.rate_limiter_state))


_CONFIGS: Final[Mapping[type, Callable[[str, Any, Backings], DeviceConfig]]] = {
    BalloonState: _balloon,
    BlockState: _block,
    NetState: _net,
    RngState: _rng,
    VsockState: _vsock,
}


def _limits(state: RateLimiterState) -> RateLimiterConfig:
    """What was chosen of a limiter. Of tokens that never come back it is what is left."""
    return RateLimiterConfig(bandwidth=_bucket(state.bandwidth), ops=_bucket(state.ops))


def _bucket(state: TokenBucketState | None) -> TokenBucketConfig | None:
    if state is None:
        return None
    return TokenBucketConfig(
        size=state.size, refill_time_ms=state.refill_time, one_time_burst=state.one_time_burst
    )
