"""Virtio devices in a state file, type by type: what of their states has another name or shape.

What the file and the device have under the same name is not told here. Sources: `persist.rs` of
each device below `src/vmm/src/devices/virtio` of Firecracker v1.9.0 to v1.16.1 and of its main
branch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Final

from emu.boards.board import Board
from emu.devices.virtio.balloon import BalloonState
from emu.devices.virtio.block import BlockState
from emu.devices.virtio.device import VirtioState
from emu.devices.virtio.net_state import NetConfigSpaceState, NetState
from emu.devices.virtio.rng import RngState
from emu.devices.virtio.vsock import VsockState
from emu.errors import IncompatibleError
from emu.formats.firecracker.device_types import DeviceType
from emu.formats.format import Format
from emu.snapshot.mirror import from_struct, named
from emu.wire.facts import Facts, Variant
from emu.wire.nodes import has_field

_RX_BUFFERS: Final = (
    *("data", "device_states", "net_devices"),
    *("device_state", "rx_buffers_state"),
)
"""Where v1.10 to v1.12 save how far buffers for received frames are used."""


class Kind:
    """A type of device in a state file.

    Attributes:
        type: Firecracker's name of it.
        field: where the states of a bus have devices of the type: a list, or one or None.
        state_class: the state of such a device.
    """

    type: ClassVar[DeviceType]
    field: ClassVar[str]
    state_class: ClassVar[Any]

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
        return from_struct(saved, self.state_class, virtio=virtio)


class _Balloon(Kind):
    type, field, state_class = DeviceType.Balloon, "balloon_device", BalloonState


class _Block(Kind):
    type, field, state_class = DeviceType.Block, "block_devices", BlockState

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
            "cache_type": state.cache_type.value,
            "file_engine_type": state.file_engine_type.value,
        }
        return Variant("Virtio", {**named(state), **renamed})


class _Net(Kind):
    type, field, state_class = DeviceType.Net, "net_devices", NetState

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
        space = from_struct(
            saved.config_space,
            NetConfigSpaceState,
            guest_mac=None if mac is None else bytes(int(byte, 16) for byte in mac.split(":")),
        )
        return from_struct(saved, NetState, virtio=virtio, config_space=space)


class _Vsock(Kind):
    """Its state is in two halves: the backend, on the host, and the frontend."""

    type, field, state_class = DeviceType.Vsock, "vsock_device", VsockState

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
        return from_struct(saved.frontend, VsockState, virtio=virtio, **given)


class _Rng(Kind):
    type, field, state_class = DeviceType.Rng, "entropy_device", RngState


KINDS: Final[tuple[Kind, ...]] = (_Balloon(), _Block(), _Net(), _Vsock(), _Rng())
"""Types of which this machine has a model, in the order in which Firecracker attaches them."""
