"""Virtio devices over a freeze and a thaw: nothing in flight is lost or repeated, and each is where
and what it was.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.boards.squib import SQUIB
from emu.core.ram import Ram
from emu.devices.virtio.balloon import BalloonConfig
from emu.devices.virtio.block import BlockConfig, BlockState
from emu.devices.virtio.config import DeviceConfig
from emu.devices.virtio.disk import FileDisk, MemoryDisk
from emu.devices.virtio.net import NetConfig
from emu.devices.virtio.rng import RngConfig
from emu.devices.virtio.vsock import VsockConfig
from emu.errors import BackingError, IncompatibleError, ThawbenchError
from emu.formats import squib
from emu.formats.firecracker.v1_9_virtio import QueueState
from emu.formats.thawbench import VIRTIO_ENCODINGS
from emu.machine import Machine, Power, Stop, differences
from emu.snapshot import RESTORE_PLAN, Snapshot, freeze, thaw, virtio_blobs
from emu.wire.schema import schema_of
from firmware.layout import DiskResults
from harness.guests import read_block
from harness.properties.bisimulation import through_bytes
from harness.strategies.values import values
from tests.firmware.disk_work import request_count
from tests.machine.test_disk import (
    ARGUMENTS,
    CONTENTS,
    LIMIT_INSTRUCTIONS,
    PACES,
    Pace,
    boot,
    check_all_done,
)

RAM_SIZE_BYTES = 6 << 20
INSTRUCTIONS = 6_700
"""Less than the guest `disk` executes, whatever the pace of its device."""


def copied(disk: MemoryDisk) -> MemoryDisk:
    return MemoryDisk(disk.read(0, disk.size_bytes))


def frozen(instructions: int, pace: Pace) -> tuple[Snapshot, MemoryDisk]:
    """The guest `disk` after so many instructions, through bytes, and what is on its disk then."""
    disk = MemoryDisk(CONTENTS)
    with boot(disk, pace) as machine:
        machine.run(instructions)
        return through_bytes(freeze(machine)), copied(disk)


def thawed(snapshot: Snapshot, disk: MemoryDisk, pace: Pace, **options: Any) -> Machine:
    return thaw(
        snapshot,
        entropy=bytes,
        drives={"disk": disk},
        virtio_latency_cycles=pace.latency_cycles,
        **options,
    )


# --- in flight -------------------------------------------------------------------------------


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
@pytest.mark.parametrize("instructions", range(131, INSTRUCTIONS, 947))
def test_every_request_is_answered_once_wherever_the_guest_was_frozen(
    instructions: int, pace: Pace
) -> None:
    snapshot, disk = frozen(instructions, pace)
    with thawed(snapshot, disk, pace) as machine:
        assert machine.run(LIMIT_INSTRUCTIONS) is Stop.SYSTEM_OFF
        check_all_done(machine, disk)


def without_notifications(snapshot: Snapshot) -> Snapshot:
    """As a format that does not carry them would have it."""
    (saved,) = (d for d in snapshot.state.data.device_states.devices if d.id == "disk")
    state = virtio_blobs.decode(saved.kind, saved.blob)
    assert isinstance(state.device, BlockState)
    assert state.device.virtio.notified
    state.device.virtio.notified = ()
    saved.blob = virtio_blobs.encode_state(saved.kind, state)
    return snapshot


UNTOLD = RESTORE_PLAN.without("write-generation-id", "notify-generation-id", "kick-devices")
"""Nothing happens that would not have happened without a freeze."""


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
@pytest.mark.parametrize("instructions", [1_000, 3_011, 5_003])
def test_untold_of_the_restore_the_guest_takes_the_course_that_it_would_have_taken(
    instructions: int, pace: Pace
) -> None:
    """Whatever its device had yet to look at, and when."""
    whole = MemoryDisk(CONTENTS)
    snapshot, disk = frozen(instructions, pace)
    with boot(whole, pace) as left, thawed(snapshot, disk, pace, plan=UNTOLD) as right:
        left.run(instructions)
        left.quiesce()
        left.drive_timer_lines()
        left.run(LIMIT_INSTRUCTIONS)
        right.run(LIMIT_INSTRUCTIONS)
        assert list(differences(left.state(), right.state())) == []


def test_a_notification_that_is_not_carried_is_made_up_for_by_the_kick() -> None:
    """A fault: with neither of both the device never hears of the guest's last request. VMMs' own
    formats do not carry it.
    """
    pace = PACES["late"]
    disk = MemoryDisk(CONTENTS)
    with boot(disk, pace) as machine:
        while read_block(machine, "disk", DiskResults).submitted < request_count(ARGUMENTS):
            machine.run(1)
        while not machine.virtio["disk"].device.virtio_state().notified:
            machine.run(1)
        snapshot = without_notifications(freeze(machine))
    with thawed(snapshot, copied(disk), pace, plan=RESTORE_PLAN.without("kick-devices")) as deaf:
        assert deaf.run(LIMIT_INSTRUCTIONS) is Stop.IDLE
        assert read_block(deaf, "disk", DiskResults).finished == 0
    with thawed(snapshot, mine := copied(disk), pace) as kicked:
        assert kicked.run(LIMIT_INSTRUCTIONS) is Stop.SYSTEM_OFF
        check_all_done(kicked, mine)


def test_a_device_that_is_not_restored_is_in_reset() -> None:
    """A fault: the guest waits for what it never gets."""
    snapshot, disk = frozen(2_000, PACES["at once"])
    plan = RESTORE_PLAN.without("restore-devices")
    with thawed(snapshot, disk, PACES["at once"], plan=plan) as machine:
        assert not machine.virtio["disk"].device.activated
        assert machine.run(LIMIT_INSTRUCTIONS) is not Stop.SYSTEM_OFF


# --- all types -------------------------------------------------------------------------------


def all_devices() -> list[DeviceConfig]:
    return [
        RngConfig(id="entropy"),
        BalloonConfig(amount_mib=1, stats_polling_interval_s=7, free_page_reporting=True),
        VsockConfig(cid=77, uds_path="v.sock"),
        NetConfig(id="eth0", guest_mac=bytes(range(6))),
        BlockConfig(id="data", disk=MemoryDisk(bytes(512)), is_read_only=True),
        BlockConfig(id="root", disk=MemoryDisk(bytes(1024)), is_root=True, partuuid="0a-01"),
    ]


def machine_of(devices: list[DeviceConfig]) -> Machine:
    """A machine whose guest has done nothing yet."""
    ram = Ram(SQUIB.dram_base, RAM_SIZE_BYTES)
    machine = Machine(SQUIB, ram=ram, devices=devices, entropy=bytes)
    machine.psci.power[0] = Power.ON
    return machine


DRIVES = {"data": MemoryDisk(bytes(512)), "root": MemoryDisk(bytes(1024))}


@pytest.fixture
def snapshot() -> Snapshot:
    """Of a machine with a device of each type."""
    with machine_of(all_devices()) as machine:
        return through_bytes(freeze(machine))


def test_each_device_has_its_kind_its_id_and_its_slot(snapshot: Snapshot) -> None:
    """Slots are handed out in squib's order of attachment."""
    saved = snapshot.state.data.device_states.devices
    found = [(d.mmio_slot, d.kind, d.id) for d in saved if d.mmio_slot < 32]
    assert found == [
        (0, "virtio-block", "root"),
        (1, "virtio-net", "eth0"),
        (2, "virtio-vsock", "vsock"),
        (3, "virtio-balloon", "balloon"),
        (4, "virtio-rng", "entropy"),
        (5, "virtio-block", "data"),
    ]


def test_all_of_them_come_back_as_they_were(snapshot: Snapshot) -> None:
    with (
        machine_of(all_devices()) as before,
        thaw(snapshot, entropy=bytes, drives=DRIVES) as after,
    ):
        assert list(differences(before.state().virtio, after.state().virtio)) == []
        assert after.equipment.virtio == before.equipment.virtio


def test_freezing_what_was_thawed_gives_the_same_bytes(snapshot: Snapshot) -> None:
    with thaw(snapshot, entropy=bytes, drives=DRIVES) as machine:
        assert freeze(machine).encode_state() == snapshot.encode_state()


def test_a_device_is_at_the_slot_that_was_saved(snapshot: Snapshot) -> None:
    """Slots may have gaps: a device between them may be none that has a blob."""
    state = copy.deepcopy(snapshot.state)
    (entropy,) = (d for d in state.data.device_states.devices if d.id == "entropy")
    entropy.mmio_slot = 30
    with thaw(replace(snapshot, state=state), entropy=bytes, drives=DRIVES) as machine:
        places = dict(zip(machine.virtio, machine.equipment.virtio, strict=True))
        assert (places["entropy"].window.base, places["entropy"].gsi) == (0x0F01_E000, 46)
        again = freeze(machine).state.data.device_states.devices
    assert [d.mmio_slot for d in again if d.id == "entropy"] == [30]


# --- what stands behind them -----------------------------------------------------------------


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The disk of a guest in a file."""
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENTS)
    return path


def frozen_on_file(image: Path) -> Snapshot:
    """The guest `disk` before it has written anything to the file."""
    with boot(FileDisk(image), PACES["at once"]) as machine:
        machine.run(400)
        return through_bytes(freeze(machine))


def test_a_drive_s_file_is_taken_if_nothing_else_is_and_stays_as_it_is(image: Path) -> None:
    snapshot = frozen_on_file(image)
    with thaw(snapshot, entropy=bytes) as machine:
        assert machine.run(LIMIT_INSTRUCTIONS) is Stop.SYSTEM_OFF
        assert read_block(machine, "disk", DiskResults).failed == 0
    assert image.read_bytes() == CONTENTS


def test_a_file_that_is_gone_is_told_before_anything_starts(image: Path) -> None:
    snapshot = frozen_on_file(image)
    image.unlink()
    with pytest.raises(BackingError, match=r"disk\.img.*pass another disk, drives=\{'disk'"):
        thaw(snapshot, entropy=bytes)


def test_a_drive_in_memory_needs_a_disk(snapshot: Snapshot) -> None:
    with pytest.raises(BackingError, match="'root' names no file"):
        thaw(snapshot, entropy=bytes)


def test_a_disk_for_a_drive_that_there_is_not_is_refused(snapshot: Snapshot) -> None:
    drives = {**DRIVES, "rooot": MemoryDisk(b"")}
    with pytest.raises(IncompatibleError, match="no virtio-block 'rooot'; it has root, data"):
        thaw(snapshot, entropy=bytes, drives=drives)


# --- states that are none --------------------------------------------------------------------

Devices = list[squib.DeviceState]


def foreign(devices: Devices) -> None:
    devices[0].blob = bytes(100)


def damaged(devices: Devices) -> None:
    devices[0].blob = devices[0].blob[:-1]


def unknown(devices: Devices) -> None:
    devices[0].kind = "virtio-pmem"


def twice(devices: Devices) -> None:
    devices[4].id = devices[3].id


def two_balloons(devices: Devices) -> None:
    devices.append(replace(devices[3], id="other", mmio_slot=9))


def no_slot(devices: Devices) -> None:
    devices[1].mmio_slot = 32


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (foreign, "only a device saved by thawbench can be restored here"),
        (damaged, "state of a device 'virtio-block' is damaged"),
        (unknown, "of the kind 'virtio-pmem', which this machine does not model"),
        (twice, "2 devices have the id 'balloon'"),
        (two_balloons, "2 devices are a virtio-balloon"),
        (no_slot, "slot 32: the board has 32"),
    ],
)
def test_devices_that_a_machine_can_not_have_are_refused(
    snapshot: Snapshot, spoil: Callable[[Devices], None], message: str
) -> None:
    state = copy.deepcopy(snapshot.state)
    spoil(state.data.device_states.devices)
    with pytest.raises(IncompatibleError, match=message):
        thaw(replace(snapshot, state=state), entropy=bytes, drives=DRIVES)


U16 = st.integers(0, 3) | st.integers(0, 0xFFFF)
ADDRESSES = (
    st.sampled_from([SQUIB.dram_base + n * 0x4000 for n in range(6)])
    | st.integers(0, (1 << 64) - 1)
    | st.just(SQUIB.dram_base + RAM_SIZE_BYTES - 8)
)
INDICES = dict.fromkeys(("next_avail", "next_used", "num_added"), U16)
GOOD_QUEUES = st.builds(
    QueueState,
    max_size=st.just(256),
    size=st.sampled_from([256, 16, 1]),
    ready=st.just(True),
    desc_table=st.just(SQUIB.dram_base),
    avail_ring=st.just(SQUIB.dram_base + 0x4000),
    used_ring=st.just(SQUIB.dram_base + 0x8000),
    **INDICES,
)
"""Rings of zeros: the driver's index is behind the device's, unless that is 0."""
ANY_QUEUES = st.builds(
    QueueState,
    max_size=st.just(256) | U16,
    size=U16,
    ready=st.booleans(),
    desc_table=ADDRESSES,
    avail_ring=ADDRESSES,
    used_ring=ADDRESSES,
    **INDICES,
)
QUEUES = GOOD_QUEUES | GOOD_QUEUES | ANY_QUEUES


@cache
def frozen_with(kind: str) -> Snapshot:
    """A machine with one device, of this type."""
    (config,) = (c for c in all_devices()[:5] if c.type.name == kind)
    with machine_of([config]) as machine:
        return freeze(machine)


@pytest.mark.parametrize("kind", VIRTIO_ENCODINGS)
@settings(max_examples=30)  # each makes a machine
@given(data=st.data())
def test_any_state_of_a_device_gives_a_machine_or_a_typed_error(
    kind: str, data: st.DataObject
) -> None:
    """Queues anywhere, features that nobody offers, numbers of all sizes. The device of a machine
    that comes of it can be frozen again.
    """
    state, encoding = copy.deepcopy(frozen_with(kind).state), VIRTIO_ENCODINGS[kind]
    (saved,) = (d for d in state.data.device_states.devices if d.kind == kind)
    value, other = encoding.decode(saved.blob), data.draw(values(schema_of(encoding.schema)))
    count = len(value.device.virtio.queues)
    for part, foreign_part in (
        (value.transport, other.transport),
        (value.device, other.device),
        (value.device.virtio, other.device.virtio),
    ):
        names = [f.name for f in fields(part) if f.name not in ("virtio", "queues")]
        for name in data.draw(st.sets(st.sampled_from(names), max_size=1)):
            setattr(part, name, getattr(foreign_part, name))
    value.device.virtio.queues = data.draw(st.lists(QUEUES, min_size=count, max_size=count))
    value.device.virtio.activated = data.draw(st.booleans())
    saved.blob = encoding.encode(value)
    drives = {"data": DRIVES["data"]} if kind == "virtio-block" else {}
    try:
        machine = thaw(replace(frozen_with(kind), state=state), entropy=bytes, drives=drives)
    except ThawbenchError:
        return
    with machine:
        again = freeze(machine).state.data.device_states.devices
    assert [device.kind for device in again if device.mmio_slot == 0] == [kind]
