"""Chains of descriptors, good and hostile: Virtio 1.2, 2.7.4 and 2.7.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.virtqueue import DESCRIPTOR
from emu.core.ram import Ram
from emu.devices.virtio.chain import Buffer, Chain, read_chain
from emu.errors import DriverError
from harness.properties.devices.rings import INDIRECT, NEXT, WRITE, Descriptor
from harness.properties.devices.world import RAM_BASE, RAM_SIZE_BYTES

TABLE = RAM_BASE
INNER = RAM_BASE + 0x1000
DATA = RAM_BASE + 0x8000
END = RAM_BASE + RAM_SIZE_BYTES
SIZE = 8


def put(ram: Ram, table: int, *entries: Descriptor) -> None:
    for index, entry in enumerate(entries):
        ram.write(table + index * DESCRIPTOR.size, DESCRIPTOR.pack(*entry))


def follow(
    *entries: Descriptor, inner: tuple[Descriptor, ...] = (), allows: bool = True, head: int = 0
) -> Chain:
    """The chain from `head` of a table with these entries, and of an indirect one."""
    ram = Ram(RAM_BASE, RAM_SIZE_BYTES)
    put(ram, TABLE, *entries)
    put(ram, INNER, *inner)
    return read_chain(ram, TABLE, SIZE, head, allows_indirect=allows)


def table(count: int, flags: int = 0, following: int = 0) -> Descriptor:
    """A descriptor of an indirect table."""
    return Descriptor(INNER, count * DESCRIPTOR.size, INDIRECT | flags, following)


def line(count: int, flags: int = 0) -> tuple[Descriptor, ...]:
    """A chain of so many buffers of one byte, in order of the table."""
    return tuple(
        Descriptor(DATA + n, 1, flags | (NEXT if n < count - 1 else 0), n + 1) for n in range(count)
    )


HOSTILE: dict[str, tuple[tuple[Descriptor, ...], tuple[Descriptor, ...]]] = {
    "itself comes next": ((Descriptor(DATA, 1, NEXT, 0),), ()),
    "two follow each other": ((Descriptor(DATA, 1, NEXT, 1), Descriptor(DATA, 1, NEXT, 0)), ()),
    "a loop behind a first one": (
        (Descriptor(DATA, 1, NEXT, 1), Descriptor(DATA, 1, NEXT, 2), Descriptor(DATA, 1, NEXT, 1)),
        (),
    ),
    "next is the size": ((Descriptor(DATA, 1, NEXT, SIZE),), ()),
    "next is far away": ((Descriptor(DATA, 1, NEXT, 0xFFFF),), ()),
    "readable behind writable": (
        (Descriptor(DATA, 1, NEXT | WRITE, 1), Descriptor(DATA, 1)),
        (),
    ),
    "an empty table": ((table(0),), ()),
    "a table with a rest": ((Descriptor(INNER, 17, INDIRECT),), line(1)),
    "a table longer than the queue": ((table(SIZE + 1),), line(1)),
    "a table of 4 GiB": ((Descriptor(INNER, 0xFFFF_FFF0, INDIRECT),), line(1)),
    "a table with a successor": ((table(1, NEXT, 1), Descriptor(DATA, 1)), line(1)),
    "a table in a table": ((table(1),), (table(1),)),
    "a loop in a table": ((table(2),), (Descriptor(DATA, 1, NEXT, 0),)),
    "next beyond the table": ((table(2),), (Descriptor(DATA, 1, NEXT, 2),)),
    "readable behind writable in a table": (
        (table(2),),
        (Descriptor(DATA, 1, NEXT | WRITE, 1), Descriptor(DATA, 1)),
    ),
    "writable before a table of readable ones": (
        (Descriptor(DATA, 1, NEXT | WRITE, 1), table(1)),
        line(1),
    ),
    "a table outside RAM": ((Descriptor(END, 16, INDIRECT),), ()),
    "a table partly outside RAM": ((Descriptor(END - 8, 16, INDIRECT),), ()),
    "a table at the end of all": ((Descriptor((1 << 64) - 16, 32, INDIRECT),), ()),
    "more buffers than the queue has descriptors": (
        (Descriptor(DATA, 1, NEXT, 1), table(SIZE)),
        line(SIZE),
    ),
    "longer than 2^32 bytes": (
        (
            Descriptor(0, 0xFFFF_FFFF, NEXT, 1),
            Descriptor(0, 1, NEXT, 2),
            Descriptor(0, 1),
        ),
        (),
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_chain_that_breaks_a_rule_is_an_error(what: str) -> None:
    outer, inner = HOSTILE[what]
    with pytest.raises(DriverError):
        follow(*outer, inner=inner)


def test_an_indirect_table_is_an_error_unless_it_was_negotiated() -> None:
    assert len(follow(table(1), inner=line(1)).readable) == 1
    with pytest.raises(DriverError, match="not negotiated"):
        follow(table(1), inner=line(1), allows=False)


@pytest.mark.parametrize("head", [SIZE, SIZE + 1, 0xFFFF])
def test_a_head_beyond_the_table_is_an_error(head: int) -> None:
    with pytest.raises(DriverError, match="asked for"):
        follow(*line(1), head=head)


def test_a_table_of_descriptors_outside_ram_is_an_error() -> None:
    ram = Ram(RAM_BASE, RAM_SIZE_BYTES)
    with pytest.raises(DriverError, match="not in RAM"):
        read_chain(ram, END - 16, SIZE, 1, allows_indirect=True)


def test_the_longest_chain_is_as_long_as_the_queue() -> None:
    assert len(follow(*line(SIZE)).readable) == SIZE
    assert len(follow(table(SIZE), inner=line(SIZE, WRITE)).writable) == SIZE


def test_exactly_four_gib_may_be() -> None:
    chain = follow(Descriptor(0, 0xFFFF_FFFF, NEXT, 1), Descriptor(0, 1))
    assert chain.readable_size_bytes == 1 << 32


def test_buffers_may_come_before_a_table() -> None:
    """`zero or more normal chained descriptors followed by` an indirect one (2.7.5.3.2)."""
    chain = follow(
        Descriptor(DATA, 3, NEXT, 1), table(2), inner=(Descriptor(DATA + 8, 2, NEXT, 1),
                                                       Descriptor(DATA + 16, 4, WRITE)),
    )  # fmt: skip
    assert chain.readable == (Buffer(DATA, 3), Buffer(DATA + 8, 2))
    assert chain.writable == (Buffer(DATA + 16, 4),)


def test_of_a_table_itself_the_write_flag_is_ignored() -> None:
    """2.7.5.3.2."""
    assert follow(table(1, WRITE), inner=line(1)).readable == (Buffer(DATA, 1),)


@given(
    sizes=st.lists(st.integers(0, 9), max_size=5),
    offset=st.integers(0, 30),
    asked=st.none() | st.integers(0, 30),
    data=st.binary(max_size=30),
)
def test_reading_and_writing_treat_the_buffers_as_one(
    sizes: list[int], offset: int, asked: int | None, data: bytes
) -> None:
    ram = Ram(RAM_BASE, RAM_SIZE_BYTES)
    ram.write(DATA, bytes(range(256)))
    buffers = tuple(Buffer(DATA + 16 * n, size) for n, size in enumerate(sizes))
    chain = Chain(0, buffers, buffers, ram)
    whole = b"".join(ram.read(*buffer) for buffer in buffers)
    end = len(whole) if asked is None else offset + asked
    assert chain.read(asked, offset) == whole[offset:end]
    assert chain.read(asked, offset) == whole[offset:end], "reading takes nothing"
    fitting = data[: max(0, len(whole) - offset)]
    assert chain.write(data, offset) == len(fitting)
    expected = whole[:offset] + fitting + whole[offset + len(fitting) :] if fitting else whole
    assert chain.read() == expected
    assert sum(map(len, (chain.read(1, n) for n in range(len(whole))))) == len(whole)


@pytest.mark.parametrize("address", [END - 1, RAM_BASE - 1, (1 << 64) - 1, 0])
def test_a_buffer_outside_ram_is_an_error_when_it_is_used(address: int) -> None:
    """A device that refuses a request need not look at its data."""
    chain = follow(Descriptor(address, 2, NEXT, 1), Descriptor(address, 2, WRITE))
    with pytest.raises(DriverError, match="not in RAM"):
        chain.read()
    with pytest.raises(DriverError, match="not in RAM"):
        chain.write(b"ab")
    assert chain.read(0) == b""
