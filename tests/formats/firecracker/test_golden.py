"""State files made by the crates that Firecracker uses are read and written byte for byte."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from emu.formats import registry
from emu.formats.firecracker.releases import RELEASES
from emu.formats.format import Format
from emu.wire import jsonvalue
from harness import data

GOLDEN = Path(__file__).parents[2] / "golden" / "firecracker"
FILES = sorted(GOLDEN.glob("*.snap"))

golden = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def format_of(path: Path) -> Format:
    """A name is the id of the format, then the bus, then what it is."""
    return registry.get(re.split("-(?:mmio|pci)-", path.name)[0])


def test_there_is_a_file_of_each_release() -> None:
    assert {format_of(path) for path in FILES} == set(RELEASES)


@golden
def test_bytes_come_out_as_they_went_in(path: Path) -> None:
    form = format_of(path)
    assert form.encode(form.decode(path.read_bytes())) == path.read_bytes()


@golden
def test_the_value_is_the_one_in_the_json_file(path: Path) -> None:
    form = format_of(path)
    text = path.with_suffix(".json").read_text("utf-8")
    snapshot = form.decode(path.read_bytes())
    assert jsonvalue.loads(form.schema, text) == snapshot
    assert jsonvalue.to_json(form.schema, snapshot) == json.loads(text)


@golden
def test_its_release_accepts_it(path: Path) -> None:
    verdict = format_of(path).verdict(path.read_bytes())
    assert verdict.problem is None


def test_the_sample_of_the_command_line_is_one_of_them() -> None:
    sample = GOLDEN / "firecracker-1.16-mmio-two-vcpus.snap"
    assert data.read(data.FIRECRACKER_SNAPSHOT) == sample.read_bytes()
