"""A block device answers each request once, as the specification says, whatever becomes of it."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.virtio import BLOCK, InterruptStatus
from emu.arch.virtio_block import HEADER, SECTOR_SIZE_BYTES, RequestStatus, RequestType
from emu.core.events import BackingFailed
from emu.devices.virtio.block import BlockConfig, CacheType
from emu.devices.virtio.config import Offer
from emu.devices.virtio.disk import FileDisk, MemoryDisk, OverlayDisk
from emu.errors import BackingError, BoardError
from tests.devices.virtio.block_bench import (
    OFFER,
    SECTORS,
    Answer,
    BlockBench,
    NaiveDisk,
    Request,
    drive,
    framed,
    pattern,
    read_request,
    requests,
    write_request,
)
from tests.devices.virtio.driver import OUTSIDE_RAM, Bench, Part

OK, IOERR, UNSUPP = RequestStatus.OK, RequestStatus.IOERR, RequestStatus.UNSUPP


@pytest.fixture
def block() -> BlockBench:
    block = BlockBench()
    block.start()
    return block


def started(config: BlockConfig) -> BlockBench:
    """A device of this kind, and its driver at work."""
    block = BlockBench(config)
    block.start()
    return block


# --- requests --------------------------------------------------------------------------------


def test_sectors_are_read(block: BlockBench) -> None:
    expected = pattern()[3 * SECTOR_SIZE_BYTES : 5 * SECTOR_SIZE_BYTES]
    assert block.ask(read_request(3, 2)) == Answer(OK, expected, written=1025)


def test_sectors_are_written(block: BlockBench) -> None:
    data = b"written ." * 1000
    data = data[: 4 * SECTOR_SIZE_BYTES]
    assert block.ask(write_request(2, data)) == Answer(OK, b"", written=1)
    expected = bytearray(pattern())
    expected[1024 : 1024 + len(data)] = data
    assert block.disk.read(0, block.disk.size_bytes) == expected


@pytest.mark.parametrize("cache_type", CacheType)
def test_a_flush_syncs_what_is_behind(cache_type: CacheType) -> None:
    """Whether it was offered or not: Firecracker's does not look."""
    flushes: list[str] = []

    class Observed(MemoryDisk):
        def flush(self) -> None:
            flushes.append("flush")

    block = started(replace(drive(Observed(pattern())), cache_type=cache_type))
    assert block.ask(Request(RequestType.FLUSH)) == Answer(OK, b"", written=1)
    assert flushes == ["flush"]


@pytest.mark.parametrize("name", ["rootfs", "a_name_that_has_more_than_20_characters"])
def test_the_id_is_the_drives(name: str) -> None:
    block = started(replace(drive(), id=name))
    expected = name[:20].encode().ljust(20, b"\0")
    assert block.ask(Request(RequestType.GET_ID, size_bytes=20)) == Answer(OK, expected, 21)


def test_an_id_that_has_no_place_is_an_error(block: BlockBench) -> None:
    answer = block.ask(Request(RequestType.GET_ID, size_bytes=19))
    assert answer == Answer(IOERR, bytes(19), written=0)


@pytest.mark.parametrize("kind", [2, 3, RequestType.DISCARD, RequestType.WRITE_ZEROES, 1 << 31])
def test_what_is_unknown_is_unsupported(block: BlockBench, kind: int) -> None:
    assert block.ask(Request(kind, data=bytes(16))) == Answer(UNSUPP, b"", written=1)
    assert f"is of unknown type {kind}" in block.bench.violations[0]


@pytest.mark.parametrize(
    "request_",
    [
        read_request(SECTORS),
        read_request(SECTORS - 1, 2),
        read_request((1 << 64) - 1),
        read_request(1 << 55),
        Request(RequestType.IN, 0, size_bytes=511),
        Request(RequestType.IN, 0, size_bytes=513),
        write_request(SECTORS, bytes(512)),
        write_request(0, bytes(100)),
    ],
)
def test_what_is_not_on_the_disk_or_no_whole_sector_is_an_error(
    block: BlockBench, request_: Request
) -> None:
    answer = block.ask(request_)
    assert (answer.status, answer.data) == (IOERR, bytes(request_.size_bytes))
    assert "expected whole sectors of 512 bytes out of the 16" in block.bench.violations[0]
    assert block.disk.read(0, SECTORS * SECTOR_SIZE_BYTES) == pattern()


def test_nothing_is_as_good_as_any_size(block: BlockBench) -> None:
    assert block.ask(read_request(SECTORS, 0)) == Answer(OK, b"", written=1)


def test_a_read_only_device_refuses_to_be_written() -> None:
    block = started(replace(drive(), is_read_only=True))
    assert block.driver.offered & BLOCK.mask("RO")
    assert block.ask(write_request(0, bytes(512))).status == IOERR
    assert block.ask(read_request(1)).status == OK
    assert block.disk.read(0, SECTORS * SECTOR_SIZE_BYTES) == pattern()


def test_a_header_that_is_cut_off_is_an_error(block: BlockBench) -> None:
    head = block.queue.offer(bytes(15), 1)
    block.driver.notify()
    assert block.queue.take_used() == [(head, 1)]
    assert block.queue.content(head) == bytes((IOERR,))


# --- buffers ---------------------------------------------------------------------------------


@given(
    stream=st.lists(
        st.tuples(requests, st.lists(st.integers(0, 5000), max_size=4), st.booleans()), max_size=20
    ),
    is_read_only=st.booleans(),
    without=st.sets(st.sampled_from([28, 29])),
)
def test_each_request_is_answered_as_a_naive_disk_answers_however_it_is_cut(
    stream: list[tuple[Request, list[int], bool]], is_read_only: bool, without: set[int]
) -> None:
    block = BlockBench(replace(drive(), is_read_only=is_read_only))
    model = NaiveDisk(pattern(), b"rootfs", is_read_only=is_read_only)
    block.start(without=sorted(without))
    for request, cuts, indirect in stream:
        parts = framed(block.queue, request, cuts)
        head = block.queue.offer(*parts, indirect=indirect and 28 not in without)
        block.driver.notify()
        (used,) = block.queue.take_used()
        status, data = model.answer(request)
        answer = block.answer(head, used.written)
        assert answer.status == status
        assert answer.data == data.ljust(request.size_bytes, b"\0")
        is_whole = len(data) == request.size_bytes
        assert used == (head, len(data) + is_whole)
    assert block.disk.read(0, block.disk.size_bytes) == model.contents
    assert not block.driver.needs_reset


HEADER_OF_IN = HEADER.pack(RequestType.IN, 0, 0)
HEADER_OF_OUT = HEADER.pack(RequestType.OUT, 0, 0)
NOWHERE = Part(OUTSIDE_RAM, 512, is_writable=False)
NO_ROOM = Part(OUTSIDE_RAM, 512, is_writable=True)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((HEADER_OF_IN, NO_ROOM, 1), id="data of IN"),
        pytest.param((HEADER_OF_IN, 256, NO_ROOM, 256, 1), id="the middle of data of IN"),
        pytest.param((HEADER_OF_OUT, NOWHERE, 1), id="data of OUT"),
        pytest.param((HEADER_OF_OUT, bytes(512), NOWHERE, 1), id="the end of data of OUT"),
        pytest.param((NOWHERE, 1), id="the header"),
    ],
)
def test_buffers_outside_ram_are_an_error_if_the_status_is_inside(
    block: BlockBench, parts: tuple[bytes | int | Part, ...]
) -> None:
    head = block.queue.offer(*parts)
    block.driver.notify()
    (used,) = block.queue.take_used()
    status = block.queue.chains[head][-1]
    assert block.bench.ram.read(status.address, 1) == bytes((IOERR,))
    assert used == (
        head,
        0 if len([p for p in block.queue.chains[head] if p.is_writable]) > 1 else 1,
    )
    assert "is not in RAM" in block.bench.violations[0]
    assert block.disk.read(0, SECTORS * SECTOR_SIZE_BYTES) == pattern()
    assert block.ask(read_request(0)).status == OK


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((HEADER_OF_IN, 512, NO_ROOM._replace(size_bytes=1)), "is not in RAM"),
        ((HEADER_OF_OUT, bytes(512)), "has no byte for its status"),
        ((HEADER_OF_OUT, bytes(512), 0), "has no byte for its status"),
    ],
)
def test_without_a_place_for_the_status_the_device_needs_a_reset(
    block: BlockBench, parts: tuple[bytes | int | Part, ...], reason: str
) -> None:
    block.queue.offer(*parts)
    block.driver.notify()
    assert block.driver.needs_reset
    assert reason in block.bench.violations[0]
    block.driver["Status"] = 0
    block.start()
    assert block.ask(read_request(0)).status == OK


# --- what is behind --------------------------------------------------------------------------


def test_a_disk_that_fails_is_an_error_to_the_guest_and_an_event(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(pattern())
    block = started(drive(FileDisk(path)))
    path.write_bytes(b"")
    assert block.ask(read_request(1)).status == IOERR
    (failure,) = [event for event in block.bench.log if isinstance(event, BackingFailed)]
    assert failure.device == "rootfs"
    assert "ends at byte 512" in failure.reason
    assert not block.bench.violations


def test_the_guest_sees_whole_sectors(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(3 * SECTOR_SIZE_BYTES + 100))
    block = started(drive(FileDisk(path)))
    assert block.driver.config(0, 8) == 3
    assert block.driver.config(0, 4) == 3
    assert block.driver.config(4, 4) == 0
    assert block.ask(read_request(3)).status == IOERR


def test_the_configuration_space_is_the_capacity_and_no_more(block: BlockBench) -> None:
    assert block.driver.config(0, 8) == SECTORS
    assert block.driver.config(8, 4) == 0
    block.driver.mmio.write(0x100, 4, 7)
    assert block.driver.config(0, 8) == SECTORS


def test_a_drive_that_is_to_be_written_needs_a_disk_that_can_be(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(pattern())
    disk = FileDisk(path, is_read_only=True)
    with pytest.raises(BackingError, match=r"drive rootfs, and the disk .*disk\.img is read-only"):
        BlockBench(drive(disk))
    assert BlockBench(replace(drive(disk), is_read_only=True)).driver.offered & BLOCK.mask("RO")
    assert not BlockBench(drive(OverlayDisk(disk))).driver.offered & BLOCK.mask("RO")


def test_another_disk_is_told_by_an_interrupt_and_a_new_capacity(block: BlockBench) -> None:
    block.driver.device.replace_disk(MemoryDisk(bytes(3 * SECTOR_SIZE_BYTES)), "/srv/other.img")
    assert block.driver.acknowledge() == InterruptStatus.CONFIGURATION.mask
    assert (block.driver.config(0, 8), block.driver["ConfigGeneration"]) == (3, 1)
    assert block.ask(read_request(0)).data == bytes(SECTOR_SIZE_BYTES)
    assert block.driver.device.state().disk_path == "/srv/other.img"


def test_another_disk_has_to_be_writable_as_well(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(b"")
    block = started(drive())
    with pytest.raises(BackingError, match="the guest may write to the drive rootfs"):
        block.driver.device.replace_disk(FileDisk(path, is_read_only=True))
    assert block.ask(read_request(1)).data == pattern()[512:1024]


# --- features --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "features"),
    [
        (BlockConfig(id="data", disk=MemoryDisk(b"")), ()),
        (BlockConfig(id="data", disk=MemoryDisk(b""), is_read_only=True), ("RO",)),
        (drive(), ("FLUSH",)),
        (replace(drive(), is_read_only=True), ("FLUSH", "RO")),
    ],
)
def test_features_are_what_the_users_choices_call_for(
    config: BlockConfig, features: tuple[str, ...]
) -> None:
    common = BLOCK.mask("VERSION_1", "EVENT_IDX", "INDIRECT_DESC")
    block = BlockBench(config)
    assert block.driver.offered == common | BLOCK.mask(*features)


def test_what_the_monitor_does_not_offer_cannot_be_chosen() -> None:
    offer = Offer(BLOCK.mask("VERSION_1"))
    with pytest.raises(BoardError, match="the drive rootfs needs RO and FLUSH"):
        replace(drive(), is_read_only=True).build(Bench().host, offer)
    assert OFFER.features & ~offer.features


# --- hostile requests ------------------------------------------------------------------------

raw_descriptors = st.tuples(
    st.sampled_from([0x8000_0000, 0x800F_FFF0, 0x8010_0000, OUTSIDE_RAM, (1 << 64) - 8])
    | st.integers(0x8000_0000, 0x8010_0000),
    st.sampled_from([0, 1, 16, 512, 513, 1 << 31, (1 << 32) - 1]) | st.integers(0, 2000),
    st.integers(0, 7),
    st.integers(0, 17),
)


@given(
    table=st.lists(raw_descriptors, min_size=1, max_size=16),
    heads=st.lists(st.integers(0, 17), min_size=1, max_size=8),
    header=st.tuples(
        st.sampled_from([0, 1, 4, 8, 11]), st.sampled_from([0, 5, 1 << 55, (1 << 64) - 1])
    ),
)
def test_whatever_a_driver_writes_the_device_answers_or_needs_a_reset(
    table: list[tuple[int, int, int, int]], heads: list[int], header: tuple[int, int]
) -> None:
    """A buffer may be a part of the rings, and so change what comes next."""
    block = BlockBench()
    block.start()
    header_at = block.bench.place(struct.pack("<IIQ", header[0], 0, header[1]))
    for index, (address, size, flags, following) in enumerate(table):
        block.queue.write_descriptor(index, address if index else header_at, size, flags, following)
    for head in heads:
        block.queue.publish(head)
    block.driver.notify()
    ring = block.driver.device.queues[0].state
    assert block.driver.needs_reset or ring.next_used == ring.next_avail
    block.driver["Status"] = 0
    block.start()
    assert block.ask(read_request(0)).status == OK
