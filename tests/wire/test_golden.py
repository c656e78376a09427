"""State files made by Rust (bitcode 0.6.9, serde_json) are read and written byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emu.errors import DecodeError
from emu.formats.squib import Snapshot
from emu.wire import bitcode, jsonvalue
from emu.wire.crc64 import crc64

FILES = sorted((Path(__file__).parents[1] / "golden" / "squib-0.2").glob("*.snap"))
CRC_SIZE_BYTES = 8


def body_of(path: Path) -> bytes:
    return path.read_bytes()[:-CRC_SIZE_BYTES]


golden = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_there_are_golden_files() -> None:
    assert len(FILES) == 15


@golden
def test_bytes_come_out_as_they_went_in(path: Path) -> None:
    body = body_of(path)
    assert bitcode.encode(Snapshot, bitcode.decode(Snapshot, body)) == body


@golden
def test_the_crc_over_the_whole_file_is_zero(path: Path) -> None:
    assert crc64(path.read_bytes()) == 0


@golden
def test_the_value_is_the_one_that_rust_printed(path: Path) -> None:
    text = path.with_suffix(".json").read_text(encoding="utf-8")
    snapshot = bitcode.decode(Snapshot, body_of(path))
    assert jsonvalue.loads(Snapshot, text) == snapshot
    assert jsonvalue.to_json(Snapshot, snapshot) == json.loads(text)


# Files 13 to 15 were laid out again, with a blank after each comma.
COMPACT = [path for path in FILES if path.stem < "13"]


@pytest.mark.parametrize("path", COMPACT, ids=lambda path: path.stem)
def test_the_text_is_the_one_that_rust_printed(path: Path) -> None:
    text = path.with_suffix(".json").read_text(encoding="utf-8")
    assert jsonvalue.dumps(Snapshot, bitcode.decode(Snapshot, body_of(path))) == text.rstrip()


@pytest.mark.parametrize("stem", ["07-late-blobs", "09-non-ascii", "06-psci-mix-late-sysregs"])
def test_each_truncation_of_a_file_is_refused(stem: str) -> None:
    body = body_of(next(path for path in FILES if path.stem == stem))
    for size in range(len(body)):
        with pytest.raises(DecodeError):
            bitcode.decode(Snapshot, body[:size])
