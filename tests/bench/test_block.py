"""The benchmark of block devices reads what its rows say."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from tests.bench import block
from tests.bench.block import DISK_BYTES, DISKS, REQUEST_BYTES, Reader, Size


def test_it_prints_every_row() -> None:
    console = Console(width=100, file=StringIO(), record=True)
    console.print(block.table(Size(rounds=1, requests=2)))
    _, *lines = console.export_text().splitlines()
    rows = [line.rsplit(maxsplit=4) for line in lines]
    assert [(name.strip(), int(size)) for name, size, *_ in rows] == [
        (name, size) for name in DISKS for size in REQUEST_BYTES
    ]


@pytest.mark.parametrize("name", DISKS)
def test_each_request_is_answered_with_its_place(name: str) -> None:
    with block.a_file() as file:
        reader = Reader(DISKS[name](file), 4096)
        for place in range(0, 5 * 4096, 4096):
            assert reader.read(1) == 1
            expected = file.read(place, 4096) + b"\0"
            assert reader.queue.content(0) == expected


def test_it_begins_again_at_the_end_of_the_disk() -> None:
    with block.a_file() as file:
        reader = Reader(file, DISK_BYTES // 2)
        assert reader.read_alone(5) == 5
