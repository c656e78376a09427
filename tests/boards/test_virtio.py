"""Which virtio devices a board has, what they offer, and the order in which they are attached."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.arch.virtio import BALLOON, BLOCK, MEM, NET, PMEM, RNG, VSOCK, DeviceType
from emu.boards.board import Board
from emu.boards.command_line import Root
from emu.boards.virtio import find_root
from emu.devices.host import Host
from emu.devices.virtio.config import Offer
from emu.devices.virtio.device import VirtioDevice
from emu.errors import BoardError
from harness.states import releases

each_board = pytest.mark.parametrize("board", boards.BOARDS.values(), ids=lambda b: b.name)
TYPES = (BALLOON, BLOCK, MEM, NET, PMEM, RNG, VSOCK)


@dataclass(frozen=True)
class Config:
    """What a user chooses of a device that is never built."""

    type: DeviceType
    id: str
    is_root: bool = False
    partuuid: str | None = None
    is_read_only: bool = False

    def build(self, host: Host, offer: Offer) -> VirtioDevice:
        raise NotImplementedError


ONE_OF_EACH = [
    Config(RNG, "rng"),
    Config(BLOCK, "data"),
    Config(NET, "eth0"),
    Config(VSOCK, "vsock"),
    Config(NET, "eth1"),
    Config(BLOCK, "rootfs", is_root=True),
    Config(BALLOON, "balloon"),
    Config(BLOCK, "more"),
]


def order(board: str, configs: list[Config]) -> str:
    return " ".join(config.id for config in boards.get(board).attach_order(configs))


@pytest.mark.parametrize("board", [name for name in boards.BOARDS if name != "squib"])
def test_firecracker_attaches_balloon_drives_networks_vsock_and_entropy(board: str) -> None:
    """The root drive comes before the other drives, whenever it was configured."""
    assert order(board, ONE_OF_EACH) == "balloon rootfs data more eth0 eth1 vsock rng"


def test_pmem_comes_after_the_networks_and_mem_comes_last() -> None:
    configs = [Config(MEM, "mem"), Config(PMEM, "pmem"), *ONE_OF_EACH]
    assert order("firecracker-1.14", configs) == (
        "balloon rootfs data more eth0 eth1 pmem vsock rng mem"
    )


def test_squib_attaches_one_of_each_and_then_the_others() -> None:
    assert order("squib", ONE_OF_EACH) == "rootfs eth0 vsock balloon rng data more eth1"


@each_board
@given(data=st.data())
def test_an_order_has_each_device_once_and_does_not_depend_on_other_types(
    board: Board, data: st.DataObject
) -> None:
    """What is first of its type stays so, wherever the user names it among devices of others."""
    named = data.draw(st.permutations(ONE_OF_EACH))
    ordered = board.attach_order(named)
    assert sorted(config.id for config in ordered) == sorted(config.id for config in named)
    by_type = sorted(named, key=lambda config: config.type.id)
    assert ordered == board.attach_order(by_type)


@each_board
def test_each_type_has_its_turn(board: Board) -> None:
    """A type that is offered and never has a turn would be lost without a word."""
    attached = {turn.type.id for turn in board.virtio.order}
    assert {kind.id for kind in board.virtio.offers} <= attached


@each_board
def test_every_device_offers_version_1_and_nothing_without_a_name(board: Board) -> None:
    for kind, offer in board.virtio.offers.items():
        names = list(kind.feature_names(offer.features))
        assert "VERSION_1" in names
        assert not any(name.startswith("bit ") for name in names)
        assert offer.queue_size == 256


@pytest.mark.parametrize("format_id", releases.RELEASES)
def test_devices_offer_what_realistic_states_have(format_id: str) -> None:
    """Those have no more of a release than its board, and its drives can be written to."""
    found = {kind.id: offer.features for kind, offer in boards.get(format_id).virtio.offers.items()}
    found[BLOCK.id] &= ~BLOCK.mask("RO")
    assert found == dict(releases.release_of(format_id).features)


def test_a_demanding_driver_has_all_of_a_queue_on_squib() -> None:
    for kind, offer in boards.get("squib").virtio.offers.items():
        assert {"EVENT_IDX", "INDIRECT_DESC"} <= set(kind.feature_names(offer.features))


def test_devices_can_be_reset_on_squib_and_on_the_main_branch_alone() -> None:
    able = [board.name for board in boards.BOARDS.values() if board.virtio.can_reset]
    assert able == ["squib", "firecracker-main"]


def test_firecracker_never_counts_changes_of_the_configuration() -> None:
    able = [board.name for board in boards.BOARDS.values() if board.virtio.counts_config_changes]
    assert able == ["squib"]


@pytest.mark.parametrize(
    ("board", "configs", "message"),
    [
        ("firecracker-1.13", [Config(PMEM, "disk")], "'disk' is a virtio-pmem; there can be virt"),
        ("squib", [Config(MEM, "mem")], "board squib: 'mem' is a virtio-mem"),
        ("squib", [Config(VSOCK, "a"), Config(VSOCK, "b")], "2 devices are a virtio-vsock"),
        ("firecracker", [Config(BALLOON, "a"), Config(BALLOON, "b")], "2 devices are a virtio-bal"),
        ("firecracker", [Config(RNG, "a"), Config(RNG, "b")], "2 devices are a virtio-rng"),
        ("firecracker", [Config(NET, "a"), Config(BLOCK, "a")], "2 devices have the id 'a'"),
        (
            "firecracker",
            [Config(BLOCK, "a", is_root=True), Config(BLOCK, "b", is_root=True)],
            "a and b are root drives; there can be one",
        ),
    ],
)
def test_what_a_monitor_does_not_have_is_refused(
    board: str, configs: list[Config], message: str
) -> None:
    with pytest.raises(BoardError, match=message):
        boards.get(board).attach_order(configs)


def test_the_root_drive_is_found_with_what_the_kernel_is_told_of_it() -> None:
    root = Config(BLOCK, "rootfs", is_root=True, partuuid="0eaa91a0-01", is_read_only=True)
    assert find_root([Config(RNG, "rng"), Config(BLOCK, "data"), root]) == Root("0eaa91a0-01", True)
    assert find_root([Config(RNG, "rng"), Config(BLOCK, "data")]) is None
