"""Devices of a machine in state files of every release of Firecracker, and back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.arch.virtio import InterruptStatus
from emu.core.ram import Ram
from emu.devices.virtio.block import BlockConfig, CacheType
from emu.devices.virtio.disk import MemoryDisk
from emu.devices.virtio.net import NetConfig
from emu.devices.virtio.vsock import VsockConfig
from emu.devices.vmclock import VmClock
from emu.devices.vmgenid import VmGenId
from emu.errors import BoardError, IncompatibleError
from emu.formats import registry
from emu.formats.firecracker.v1_9_virtio import VhostUserBlockState
from emu.machine import Machine
from emu.snapshot.backings import Backings
from emu.snapshot.firecracker.devices import (
    SavedDevices,
    read_devices,
    save_acpi,
    save_devices,
)
from harness.states import realistic_state
from harness.states.releases import RELEASES

RAM_MIB = 64
MODELLED: Any = {"balloon": 1, "block": 2, "net": 2, "vsock": 1, "entropy": 1, "serial": 1}
"""All kinds of devices that there is a model of."""

BACKINGS = Backings(file=lambda path: MemoryDisk(bytes(1 << 20)))

each_release = pytest.mark.parametrize("format_id", RELEASES)


def state_of(format_id: str, **arguments: Any) -> Any:
    """A realistic snapshot with nothing that this machine has not."""
    options: dict[str, Any] = {"devices": MODELLED, "mmds": False, "memory_mib": RAM_MIB}
    return realistic_state(format_id, **{**options, **arguments})


def read(format_id: str, data: Any) -> SavedDevices:
    return read_devices(data, boards.get(format_id), BACKINGS)


@contextmanager
def thawed(format_id: str, saved: SavedDevices) -> Iterator[Machine]:
    """A machine with the devices that were saved."""
    board = boards.get(format_id)
    with Machine(
        board,
        ram=Ram(board.dram_base, RAM_MIB << 20),
        devices=[device.config for device in saved.virtio],
        equipment=saved.equipment,
        entropy=bytes,
    ) as machine:
        saved.load_into(machine)
        if saved.vmgenid is not None:
            machine.vmgenid = VmGenId.restore(
                saved.vmgenid, entropy=bytes, irqs=machine.gsi, events=machine.events
            )
        if saved.vmclock is not None:
            machine.vmclock = VmClock.restore(
                saved.vmclock, irqs=machine.gsi, events=machine.events
            )
        yield machine


def frozen(format_id: str, data: Any, order: bool = True) -> Any:
    """`data` with the devices that a machine has after it has thawed them."""
    form, saved, again = registry.get(format_id), read(format_id, data), copy.copy(data)
    with thawed(format_id, saved) as machine:
        again.device_states = save_devices(form, machine, saved.order if order else ())
        if hasattr(data, "acpi_dev_state"):
            again.acpi_dev_state = save_acpi(form, machine)
    return again


# --- back and forth ------------------------------------------------------------------------------


@each_release
@given(
    seed=st.integers(0, 2**16),
    counts=st.fixed_dictionaries({kind: st.integers(0, n) for kind, n in MODELLED.items()}),
)
def test_what_devices_are_thawed_from_they_are_frozen_to(
    format_id: str, seed: int, counts: Any
) -> None:
    """Leaf by leaf and byte by byte: there is none that a device can't hold."""
    snapshot = state_of(format_id, seed=seed, devices=counts)
    again = replace(snapshot, data=frozen(format_id, snapshot.data))
    assert again == snapshot
    form = registry.get(format_id)
    assert form.encode(again) == form.encode(snapshot)


@each_release
@given(number=st.integers(0))
def test_a_leaf_that_is_changed_is_kept_or_refused(format_id: str, number: int) -> None:
    """None is lost without a word, whatever it holds."""
    data = state_of(format_id).data
    roots = [name for name in ("device_states", "acpi_dev_state") if hasattr(data, name)]
    paths = [(root, *path) for root in roots for path in leaves(getattr(data, root))]
    change(data, paths[number % len(paths)])
    try:
        again = frozen(format_id, data)
    except (IncompatibleError, BoardError):  # a machine is not made, or a state not taken
        return
    assert again == data


def leaves(value: Any) -> Iterator[tuple[Any, ...]]:
    """The paths of all that holds no other values, and is there."""
    steps: list[tuple[str | int, Any]]
    if is_dataclass(value):
        steps = [(field.name, getattr(value, field.name)) for field in fields(value)]
    elif isinstance(value, list | tuple):
        steps = list(enumerate(value))
    else:
        if value is not None:
            yield ()
        return
    for step, part in steps:
        yield from ((step, *path) for path in leaves(part))


def change(value: Any, path: tuple[Any, ...]) -> Any:
    """Put another value of the same type in place of a leaf."""
    if not path:
        return _another(value)
    step, *rest = path
    if isinstance(value, tuple):
        return (*value[:step], change(value[step], tuple(rest)), *value[step + 1 :])
    if isinstance(value, list):
        value[step] = change(value[step], tuple(rest))
    else:
        setattr(value, step, change(getattr(value, step), tuple(rest)))
    return value


def _another(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value ^ 1
        case bytes():
            return value + b"x"
        case Enum():
            variants = list(type(value))
            return variants[(variants.index(value) + 1) % len(variants)]
        case _:  # a MAC address stays one
            return value[:-1] + ("0" if value[-1] != "0" else "1")


@each_release
def test_devices_are_where_the_board_puts_them(format_id: str) -> None:
    board = boards.get(format_id)
    assert read(format_id, state_of(format_id).data).equipment == board.equip(virtio_count=7)


@each_release
def test_a_console_that_is_not_there_is_not_saved(format_id: str) -> None:
    data = state_of(format_id, devices={"block": 1}).data
    assert read(format_id, data).uart is None
    assert frozen(format_id, data) == data


@each_release
def test_paths_and_names_of_the_host_are_carried(format_id: str) -> None:
    """A disk's file, a TAP device, a socket: they are the user's business on another host."""
    configs = {d.config.id: d.config for d in read(format_id, state_of(format_id).data).virtio}
    rootfs, eth1, vsock = configs["rootfs"], configs["eth1"], configs["vsock"]
    assert isinstance(rootfs, BlockConfig)
    assert (rootfs.path, rootfs.is_root) == ("/srv/vm/rootfs.ext4", True)
    assert rootfs.cache_type is CacheType.WRITEBACK
    assert isinstance(eth1, NetConfig)
    assert (eth1.tap_if_name, eth1.guest_mac) == ("tap1", bytes.fromhex("0600ac100003"))
    assert isinstance(vsock, VsockConfig)
    assert (vsock.uds_path, vsock.cid) == ("/srv/vm/v.sock", 3)


def test_what_stands_behind_a_device_is_found_by_what_the_file_names() -> None:
    asked: list[str] = []

    def disk(path: str) -> MemoryDisk:
        asked.append(path)
        return MemoryDisk(bytes(512))

    data = state_of("firecracker-1.16", devices={"block": 1}).data
    read_devices(data, boards.get("firecracker-1.16"), Backings(file=disk))
    assert asked == ["/srv/vm/rootfs.ext4"]


# --- what differs --------------------------------------------------------------------------------


@each_release
def test_the_order_in_a_file_is_kept(format_id: str) -> None:
    """Firecracker writes its devices in the order of a hash map."""
    data = state_of(format_id).data
    bus = _bus(data)
    bus.block_devices.reverse()
    bus.net_devices.reverse()
    if hasattr(bus, "legacy_devices"):
        bus.legacy_devices.reverse()
    assert frozen(format_id, data) == data
    ordered = _bus(frozen(format_id, data, order=False))
    assert [device.device_id for device in ordered.block_devices] == ["rootfs", "data1"]


def _bus(data: Any) -> Any:
    """The states of the MMIO bus."""
    states = data.device_states
    for field in ("virtio_state", "mmio_state"):
        if hasattr(states, field):
            return getattr(states, field)
    return states


@each_release
def test_an_interrupt_status_is_carried_wherever_it_is(format_id: str) -> None:
    """With the device up to v1.12, with its transport later."""
    data = state_of(format_id).data
    device = _bus(data).entropy_device
    virtio = device.device_state.virtio_state
    holder = virtio if hasattr(virtio, "interrupt_status") else device.transport_state
    holder.interrupt_status = InterruptStatus.USED_BUFFER.mask
    (rng,) = (saved for saved in read(format_id, data).virtio if saved.config.id == "rng")
    assert rng.transport.interrupt_status == 1
    assert frozen(format_id, data) == data


@pytest.mark.parametrize("format_id", ["firecracker-1.9", "firecracker-1.13", "firecracker-1.14"])
def test_chains_taken_ahead_are_available_again_where_they_are_not_saved(format_id: str) -> None:
    """What v1.10 saves of a network device, a release that does not save it settles before."""
    ahead = read("firecracker-1.10", state_of("firecracker-1.10").data)
    with thawed("firecracker-1.10", ahead) as machine:
        saved = save_devices(registry.get(format_id), machine)
    settled = getattr(saved, "mmio_state", saved).net_devices[0].device_state
    (eth0,) = (device.state for device in ahead.virtio if device.config.id == "eth0")
    assert eth0.rx_buffers_state.parsed_descriptor_chains_nr == 256
    before, after = eth0.virtio.queues[0], settled.virtio_state.queues[0]
    assert after.next_avail == (before.next_avail - 256) & 0xFFFF
    assert not hasattr(settled, "rx_buffers_state")


@pytest.mark.parametrize("format_id", ["firecracker-1.9", "firecracker-1.15"])
def test_before_v1_16_the_console_is_one_that_a_restore_makes(format_id: str) -> None:
    assert read(format_id, state_of(format_id).data).uart_state.interrupt_enable == 1


# --- what is refused -----------------------------------------------------------------------------

Damage = Callable[[Any], None]


def _second_name(data: Any) -> None:
    _bus(data).net_devices[0].device_id = "rootfs"


def _vhost_user(data: Any) -> None:
    disk = _bus(data).block_devices[0]
    saved = disk.device_state
    disk.device_state = VhostUserBlockState(
        id=saved.id,
        partuuid=None,
        cache_type=saved.cache_type,
        root_device=True,
        socket_path="/s",
        vu_acked_protocol_features=0,
        config_space=b"",
        virtio_state=saved.virtio_state,
    )


def _another_type(data: Any) -> None:
    bus = _bus(data)
    bus.entropy_device.device_state.virtio_state.device_type = (
        bus.balloon_device.device_state.virtio_state.device_type
    )


def _without_interrupt(data: Any) -> None:
    info = _bus(data).entropy_device.device_info
    name = next(name for name in ("irqs", "irq", "gsi") if hasattr(info, name))
    setattr(info, name, [] if name == "irqs" else None)


@pytest.mark.parametrize("format_id", ["firecracker-1.9", "firecracker-1.12", "firecracker-main"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_second_name, "2 devices have the id 'rootfs'"),
        (_vhost_user, "rootfs is VhostUser"),
        (_another_type, "entropy_device: device_type is .*; expected 4, Rng"),
        (_without_interrupt, "entropy_device.device_info: 0 interrupts; expected one"),
    ],
)
def test_what_a_machine_can_not_have_is_refused(
    format_id: str, damage: Damage, message: str
) -> None:
    data = state_of(format_id).data
    damage(data)
    with pytest.raises(IncompatibleError, match=message):
        read(format_id, data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"devices": {"pmem": 1}}, "has a pmem device in pmem_devices"),
        ({"devices": {"mem": 1}}, "has memory to be plugged in in memory_device"),
        ({"mmds": True}, "has a metadata service in mmds"),
        ({"transport": "pci"}, "on a PCI bus, which this machine does not have"),
    ],
)
@pytest.mark.parametrize("format_id", ["firecracker-1.14", "firecracker-main"])
def test_what_there_is_no_model_of_is_refused(format_id: str, arguments: Any, message: str) -> None:
    with pytest.raises(IncompatibleError, match=message):
        read(format_id, state_of(format_id, **arguments).data)


def test_a_network_that_leads_to_a_metadata_service_is_refused() -> None:
    """Even if the service itself is not in the file."""
    data = state_of("firecracker-1.16", mmds=True).data
    _bus(data).mmds = None
    with pytest.raises(IncompatibleError, match="eth0 leads to a metadata service"):
        read("firecracker-1.16", data)


def test_a_machine_of_squib_is_not_firecrackers() -> None:
    squib = boards.get("squib")
    with (
        Machine(squib, ram=Ram(squib.dram_base, 8 << 20)) as machine,
        pytest.raises(IncompatibleError, match="has a PL011, and Firecracker a 16550"),
    ):
        save_devices(registry.get("firecracker-1.16"), machine)


def test_a_machine_without_a_vmclock_is_none_of_a_release_that_has_one() -> None:
    saved = read("firecracker-1.14", state_of("firecracker-1.14").data)
    with (
        thawed("firecracker-1.14", saved) as machine,
        pytest.raises(IncompatibleError, match="has no vmclock, and firecracker-"),
    ):
        save_devices(registry.get("firecracker-1.15"), machine)
