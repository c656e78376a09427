"""Archives are newc, aligned, and depend on nothing but what is in them."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.linux import cpio, entries

names = st.text("abcdefgh", min_size=1, max_size=9)


def test_a_small_archive_byte_for_byte() -> None:
    assert cpio.archive([entries.program("a", b"xyz")]) == (
        b"070701"
        b"00000001000081ED00000000000000000000000100000000"
        b"00000003000000000000000000000000000000000000000200000000"
        b"a\0xyz\0"
        b"070701"
        b"000000000000000000000000000000000000000100000000"
        b"00000000000000000000000000000000000000000000000B00000000"
        b"TRAILER!!!\0\0\0\0"
    )


@given(st.lists(st.tuples(names, st.binary(max_size=9))))
def test_every_header_and_all_data_begin_at_a_multiple_of_four(
    files: list[tuple[str, bytes]],
) -> None:
    """The kernel skips to the next such place: one that is not padded loses all that follows."""
    archive, offset = cpio.archive([entries.program(*file) for file in files]), 0
    for name, data in [*files, ("TRAILER!!!", b"")]:
        assert archive[offset : offset + 6] == b"070701"
        size, name_size = int(archive[offset + 54 : offset + 62], 16), len(name) + 1
        assert int(archive[offset + 94 : offset + 102], 16) == name_size
        begin = offset + (110 + name_size + 3) // 4 * 4
        assert archive[begin : begin + size] == data
        offset = begin + (size + 3) // 4 * 4
    assert offset == len(archive)


@pytest.mark.skipif(shutil.which("cpio") is None, reason="there is no cpio in the path")
def test_cpio_itself_reads_all_kinds_of_files() -> None:
    archive = cpio.archive(
        [
            entries.folder("bin"),
            entries.program("bin/busybox", b"program"),
            entries.link("bin/sh", "busybox"),
            entries.character_device("console", 5, 1),
        ]
    )
    done = subprocess.run(
        ["cpio", "-itv", "--quiet", "--numeric-uid-gid"],
        input=archive, capture_output=True, check=True,
    )  # fmt: skip
    folder, program, link, device = done.stdout.decode().splitlines()
    assert folder.startswith("drwxr-xr-x")
    assert program.split()[:5] == ["-rwxr-xr-x", "1", "0", "0", "7"]
    assert link.startswith("lrwxrwxrwx")
    assert link.endswith("bin/sh -> busybox")
    assert device.split()[:6] == ["crw-------", "1", "0", "0", "5,", "1"]
