"""Blocks shared between tests and guests."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware
from firmware.layout import (
    BLOCKS,
    LOG_CAPACITY,
    Arguments,
    Block,
    CheckArguments,
    CheckResults,
    LogEntry,
    Results,
    Window,
    assembler_include,
    log_from_bytes,
    log_size_bytes,
)

ticking_guest = pytest.mark.parametrize("name", ["heartbeat", "quiet"])
self_checking_guest = pytest.mark.parametrize("name", firmware.self_checking())
every_block = pytest.mark.parametrize("block", BLOCKS)
u64 = st.integers(0, 2**64 - 1)


def block_bytes(guest: firmware.Firmware, block: type[Block]) -> bytes:
    start = guest.symbols[block.SYMBOL] - guest.load_address
    return guest.image[start : start + block.size_bytes()]


@every_block
@given(data=st.data())
def test_bytes_and_block_are_inverse(block: type[Block], data: st.DataObject) -> None:
    value = block(*(data.draw(u64) for _ in dataclasses.fields(block)))
    assert block.from_bytes(value.to_bytes()) == value
    assert len(value.to_bytes()) == block.size_bytes()


@every_block
def test_offsets_are_where_the_fields_lie_in_bytes(block: type[Block]) -> None:
    data = block(*range(1, 1 + len(dataclasses.fields(block)))).to_bytes()
    value = block.from_bytes(data)
    for name, offset in block.offsets().items():
        assert int.from_bytes(data[offset : offset + 8], "little") == getattr(value, name)


@ticking_guest
def test_results_and_log_have_the_declared_room_in_the_image(name: str) -> None:
    symbols = firmware.load(name).symbols
    assert symbols["interrupt_log"] - symbols["results"] == Results.size_bytes()
    assert symbols["stack"] - symbols["interrupt_log"] >= log_size_bytes()


@ticking_guest
def test_image_begins_with_usable_arguments_and_empty_results(name: str) -> None:
    guest = firmware.load(name)
    arguments = Arguments.from_bytes(block_bytes(guest, Arguments))
    assert arguments.mode == Window.NONE
    assert arguments.ticks >= 1
    assert arguments.tick_period >= 1
    assert not any(block_bytes(guest, Results))
    assert not any(block_bytes(guest, LogEntry))


@self_checking_guest
def test_results_of_checks_have_the_declared_room_and_are_empty(name: str) -> None:
    guest = firmware.load(name)
    assert guest.symbols["stack"] - guest.symbols["check_results"] >= CheckResults.size_bytes()
    assert not any(block_bytes(guest, CheckResults))


@self_checking_guest
def test_self_checking_guest_has_usable_arguments(name: str) -> None:
    arguments = CheckArguments.from_bytes(block_bytes(firmware.load(name), CheckArguments))
    assert arguments.iterations >= 1
    assert arguments.vcpus in (0, 1)


def test_quiet_works_by_default() -> None:
    assert Arguments.from_bytes(block_bytes(firmware.load("quiet"), Arguments)).rounds >= 1


@given(logged=st.integers(0, 2 * LOG_CAPACITY))
def test_log_has_the_written_entries_in_order(logged: int) -> None:
    written = [LogEntry(27, 0, n, 0) for n in range(min(logged, LOG_CAPACITY))]
    data = b"".join(entry.to_bytes() for entry in written).ljust(log_size_bytes(), b"\0")
    results = dataclasses.replace(Results(*[0] * len(Results.offsets())), logged=logged)
    assert log_from_bytes(data, results) == tuple(written)


def test_every_assembler_constant_is_defined_once() -> None:
    names = re.findall(r"^\.set (\w+),", assembler_include(), re.MULTILINE)
    assert len(names) == len(set(names))
    assert {"WINDOW_HANDLER", "PHASE_AFTER", "RESULTS_LOGGED", "LOGENTRY_SIZE"} <= set(names)
