"""Virtio devices in a state file, type by type: what of their states has another name or shape.

What the file and the device have under the same name is not told here. Sources: `persist.rs` of
each device below `src/vmm/src/devices/virtio` of Firecracker v1.9.0 to v1.16.1 and of its main
branch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Final

from emu.arch.virtio import BALLOON, BLOCK
from emu.boards.board import Board
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
from emu.formats.format import Format
from emu.snapshot.firecracker.backings import Backings
from emu.snapshot.firecracker.fields import build, named
from emu.wire.facts import Facts, Variant
from emu.wire.nodes import has_field

_PAGES_PER_MIB: Final = 256
_RX_BUFFERS: Final = (
    *("data", "device_states", "net_devices"),
    *("device_state", "rx_buffers_state"),
)
"""Where v1.10 to v1.12 save how far buffers for received frames are used."""


class Kind(ABC):
    """A type of device in a state file.

    Attributes:
        type: Firecracker's name of it.
        field: where the states of a bus have devices of the type: a list, or one or None.
        state_class: the state of such a device.
    """

    type: ClassVar[DeviceType]
    field: ClassVar[str]
    state_class: ClassVar[Any]

    @abstractmethod
    def config(self, name: str, state: Any, backings: Backings) -> DeviceConfig:
        """What its user chose, of its id and its state."""

    def virtio(self, saved: Any) -> Any:
        """What all types have, of a `device_state`."""
        return saved.virtio_state

    def facts(self, state: Any, virtio: Facts) -> Facts | Variant:
        """What is in its `device_state`, of its state and of what all types have."""
        return {**named(state), "virtio_state": virtio}

    def restored(self, board: Board, saved: Any, state: Any) -> Any:
        """A device's state as the release restores it; `saved` is what it has saved of it."""
        return state

    def prepared(self, form: Format, state: Any) -> Any:
        """A device's state as the release saves it."""
        return state

    def state(self, saved: Any, virtio: VirtioState) -> Any:
        """Its state, of a `device_state` and of what all types have."""
        return build(self.state_class, saved, virtio=virtio)


class _Balloon(Kind):
    type, field, state_class = DeviceType.Balloon, "balloon_device", BalloonState

    def config(self, name: str, state: BalloonState, backings: Backings) -> BalloonConfig:
        offered = set(BALLOON.feature_names(state.virtio.avail_features))
        return BalloonConfig(
            id=name,
            amount_mib=state.config_space.num_pages // _PAGES_PER_MIB,
            deflate_on_oom="DEFLATE_ON_OOM" in offered,
            stats_polling_interval_s=state.stats_polling_interval_s,
            free_page_hinting="FREE_PAGE_HINT" in offered,
            free_page_reporting="PAGE_REPORTING" in offered,
        )


class _Block(Kind):
    type, field, state_class = DeviceType.Block, "block_devices", BlockState

    def config(self, name: str, state: BlockState, backings: Backings) -> BlockConfig:
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

    def virtio(self, saved: Any) -> Any:
        if saved.variant_name != "Virtio":
            raise IncompatibleError(
                f"the block device {saved.id} is {saved.variant_name}: a disk that another process "
                "serves, which this machine does not have"
            )
        return saved.virtio_state

    def facts(self, state: BlockState, virtio: Facts) -> Variant:
        renamed = {
            "virtio_state": virtio,
            "rate_limiter_state": state.rate_limiter,
            "cache_type": state.cache_type.value,
            "file_engine_type": state.file_engine_type.value,
        }
        return Variant("Virtio", {**named(state), **renamed})

    def state(self, saved: Any, virtio: VirtioState) -> BlockState:
        limiter = build(RateLimiterState, saved.rate_limiter_state)
        return build(BlockState, saved, virtio=virtio, rate_limiter=limiter)


class _Net(Kind):
    type, field, state_class = DeviceType.Net, "net_devices", NetState

    def config(self, name: str, state: NetState, backings: Backings) -> NetConfig:
        return NetConfig(
            id=name,
            link=backings.link(state.tap_if_name),
            guest_mac=state.config_space.guest_mac,
            mtu=state.config_space.mtu,
            tap_if_name=state.tap_if_name,
            rx_rate_limiter=_limits(state.rx_rate_limiter_state),
            tx_rate_limiter=_limits(state.tx_rate_limiter_state),
        )

    def prepared(self, form: Format, state: NetState) -> NetState:
        """v1.10 to v1.12 save how far the buffers are used; others leave none in use."""
        return state if has_field(form.schema, *_RX_BUFFERS) else state.prepared_to_save()

    def facts(self, state: NetState, virtio: Facts) -> Facts:
        mac = state.config_space.guest_mac
        space = {**named(state.config_space), "guest_mac": None if mac is None else mac.hex(":")}
        return {**named(state), "config_space": space, "mmds_ns": None, "virtio_state": virtio}

    def state(self, saved: Any, virtio: VirtioState) -> NetState:
        if saved.mmds_ns is not None:
            raise IncompatibleError(
                f"the network device {saved.id} leads to a metadata service, which this machine "
                "does not have"
            )
        mac = saved.config_space.guest_mac
        space = build(
            NetConfigSpaceState,
            saved.config_space,
            guest_mac=None if mac is None else bytes(int(byte, 16) for byte in mac.split(":")),
        )
        return build(NetState, saved, virtio=virtio, config_space=space)


class _Vsock(Kind):
    """Its state is in two halves: the backend, on the host, and the frontend."""

    type, field, state_class = DeviceType.Vsock, "vsock_device", VsockState

    def config(self, name: str, state: VsockState, backings: Backings) -> VsockConfig:
        return VsockConfig(
            id=name,
            cid=state.cid,
            uds_path=state.uds_path,
            endpoints=backings.endpoints(state.uds_path),
        )

    def restored(self, board: Board, saved: Any, state: VsockState) -> VsockState:
        """v1.16 waits for its guest, although its files don't say so (`kick` of the device)."""
        if hasattr(saved.frontend, "pending_event_ack"):
            return state
        awaits_ack = board.virtio.awaits_reset_ack and state.virtio.activated
        return replace(state, pending_event_ack=awaits_ack)

    def virtio(self, saved: Any) -> Any:
        return saved.frontend.virtio_state

    def facts(self, state: VsockState, virtio: Facts) -> Facts:
        return {
            "backend": {**named(state), "path": state.uds_path},
            "frontend": {**named(state), "virtio_state": virtio},
        }

    def state(self, saved: Any, virtio: VirtioState) -> VsockState:
        backend = saved.backend  # up to v1.14 it has only a `path`
        given = {"uds_path": backend.path} if hasattr(backend, "path") else named(backend)
        return build(VsockState, saved.frontend, virtio=virtio, **given)


class _Rng(Kind):
    type, field, state_class = DeviceType.Rng, "entropy_device", RngState

    def config(self, name: str, state: RngState, backings: Backings) -> RngConfig:
        return RngConfig(id=name, rate_limiter=_limits(state.rate_limiter_state))


KINDS: Final[tuple[Kind, ...]] = (_Balloon(), _Block(), _Net(), _Vsock(), _Rng())
"""Types of which this machine has a model, in the order in which Firecracker attaches them."""


def _limits(state: RateLimiterState) -> RateLimiterConfig:
    """What was chosen of a limiter. Of tokens that never come back it is what is left."""
    return RateLimiterConfig(bandwidth=_bucket(state.bandwidth), ops=_bucket(state.ops))


def _bucket(state: TokenBucketState | None) -> TokenBucketConfig | None:
    if state is None:
        return None
    return TokenBucketConfig(
        size=state.size, refill_time_ms=state.refill_time, one_time_burst=state.one_time_burst
    )
