"""The registers of the transport: Virtio 1.2, table 4.1 and 4.2.2.1."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.virtio_mmio import READ_ONLY, VIRTIO_MMIO, WINDOW_SIZE_BYTES, WRITE_ONLY
from emu.devices.virtio.mmio import MmioTransportState
from emu.errors import IncompatibleError
from tests.devices.virtio.echo import CONFIG, ECHO, OFFERED
from tests.devices.virtio.echo_bench import DRIVER, DRIVER_OK, FEATURES_OK, Bench

ALL_ONES = 0xFFFF_FFFF

AT_RESET = {
    0x000: 0x7472_6976,
    0x004: 2,
    0x008: ECHO.id,
    0x00C: 0,
    0x010: OFFERED & ALL_ONES,
    0x034: 16,
    0x044: 0,
    0x060: 0,
    0x070: 0,
    0x0B0: ALL_ONES,
    0x0B4: ALL_ONES,
    0x0B8: ALL_ONES,
    0x0BC: ALL_ONES,
    0x0C0: 0,
    0x0FC: 0,
}
"""What each register that can be read has at reset, by offset."""

OFFSETS = {slot.offset for slot in VIRTIO_MMIO.slots}


def test_each_register_reads_as_the_table_says() -> None:
    bench = Bench()
    read = {offset: bench.mmio.read(offset, 4) for offset in AT_RESET}
    assert read == AT_RESET
    assert not bench.violations


def test_the_table_says_which_registers_can_be_read() -> None:
    readable = {slot.offset for slot in VIRTIO_MMIO.slots if slot.name not in WRITE_ONLY}
    assert readable == set(AT_RESET)
    assert not READ_ONLY & WRITE_ONLY
    names = {slot.name for slot in VIRTIO_MMIO.slots}
    assert names - READ_ONLY - WRITE_ONLY == {"QueueReady", "Status", "QueueReset"}


@pytest.mark.parametrize("name", sorted(WRITE_ONLY))
def test_a_write_only_register_reads_as_zero_and_that_is_told(name: str) -> None:
    bench = Bench()
    assert bench[name] == 0
    (told,) = bench.violations
    assert "read" in told
    assert "needs_reset=False" in told


@pytest.mark.parametrize("name", sorted(READ_ONLY))
def test_a_read_only_register_is_not_written_and_that_is_told(name: str) -> None:
    bench = Bench().to(DRIVER_OK)
    before = bench.mmio.state(), bench.device.state(), bench[name]
    bench.world.take_notes()
    bench[name] = ALL_ONES
    (told,) = bench.violations
    assert "written" in told
    assert (bench.mmio.state(), bench.device.state(), bench[name]) == before


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_registers_answer_aligned_accesses_of_four_bytes_alone(size: int) -> None:
    """Any other access below the configuration space reads zero, writes nothing, and is told."""
    bench = Bench().to(FEATURES_OK)
    for offset in range(0x100):
        if size == 4 and offset in OFFSETS:
            continue
        before = bench.mmio.state(), bench.device.state()
        bench.world.take_notes()
        assert bench.mmio.read(offset, size) == 0
        bench.mmio.write(offset, size, (1 << 8 * size) - 1)
        assert len(bench.violations) == 2, hex(offset)
        assert (bench.mmio.state(), bench.device.state()) == before


@given(
    offset=st.integers(0, len(CONFIG) + 4),
    size=st.sampled_from([1, 2, 4, 8]),
    data=st.binary(min_size=8, max_size=8),
)
def test_the_configuration_space_takes_any_size_and_offset(
    offset: int, size: int, data: bytes
) -> None:
    """Beyond its end there are zeros and nothing is written."""
    bench = Bench().to(DRIVER_OK)
    bench.world.take_notes()
    expected = (CONFIG + bytes(16))[offset : offset + size]
    assert bench.mmio.read(0x100 + offset, size).to_bytes(size, "little") == expected
    inside = offset + size <= len(CONFIG)
    assert bool(bench.violations) is not inside
    bench.mmio.write(0x100 + offset, size, int.from_bytes(data[:size], "little"))
    assert bool(bench.violations) is not inside
    after = CONFIG[:offset] + data[:size] + CONFIG[offset + size :] if inside else CONFIG
    assert bench.device.config_space == after


def test_the_last_bytes_of_the_window_are_no_configuration() -> None:
    bench = Bench()
    assert bench.mmio.read(WINDOW_SIZE_BYTES - 8, 8) == 0
    assert len(bench.violations) == 1


def test_the_configuration_space_is_written_by_a_driver_alone() -> None:
    """From DRIVER on, also after DRIVER_OK, and not after FAILED (Firecracker's `bus_write`)."""
    for status, writes in ((0, False), (DRIVER, True), (DRIVER_OK, True)):
        bench = Bench().to(status) if status else Bench()
        bench.mmio.write(0x100, 1, 0xEE)
        assert (bench.device.config_space[0] == 0xEE) is writes
    bench["Status"] = 0x80
    bench.mmio.write(0x101, 1, 0xEE)
    assert bench.device.config_space[1] == CONFIG[1]


def test_interrupts_are_acknowledged_bit_by_bit() -> None:
    bench = Bench().to(DRIVER_OK)
    bench.mmio.notify_used()
    bench.mmio.notify_configuration()
    assert bench["InterruptStatus"] == 3
    bench["InterruptACK"] = 0xFFFF_FFFC
    assert bench["InterruptStatus"] == 3
    bench["InterruptACK"] = 1
    assert bench["InterruptStatus"] == 2
    bench["InterruptACK"] = 2
    assert bench["InterruptStatus"] == 0
    assert bench.interrupts == 2


@pytest.mark.parametrize("counts", [True, False])
def test_the_generation_counts_changes_of_the_configuration(counts: bool) -> None:
    """Firecracker's stands still; the interrupt comes in any case, once the driver is there."""
    bench = Bench(options={"counts_config_changes": counts})
    bench.mmio.notify_configuration()
    assert bench["InterruptStatus"] == 0
    assert bench.interrupts == 0
    bench.to(DRIVER_OK)
    bench.mmio.notify_configuration()
    assert bench.interrupts == 1
    assert bench["ConfigGeneration"] == (2 if counts else 0)
    bench["Status"] = 0
    assert bench["ConfigGeneration"] == (2 if counts else 0), "a reset does not take it back"


def test_the_generation_wraps() -> None:
    bench = Bench()
    bench.mmio.load_state(MmioTransportState(config_generation=ALL_ONES))
    bench.mmio.notify_configuration()
    assert bench["ConfigGeneration"] == 0


words = st.integers(0, ALL_ONES)


@given(
    st.builds(
        MmioTransportState,
        features_select=words,
        acked_features_select=words,
        queue_select=words,
        device_status=words,
        config_generation=words,
        interrupt_status=words,
    )
)
def test_any_state_of_the_registers_is_kept(state: MmioTransportState) -> None:
    bench = Bench()
    bench.mmio.load_state(state)
    assert bench.mmio.state() == state
    assert bench["Status"] == state.device_status
    assert bench["InterruptStatus"] == state.interrupt_status
    assert bench["QueueNumMax"] == {0: 16, 1: 8}.get(state.queue_select, 0)
    assert bench.interrupts == 0


@pytest.mark.parametrize("field", asdict(MmioTransportState()))
@pytest.mark.parametrize("value", [-1, 1 << 32])
def test_a_value_that_no_register_holds_is_refused(field: str, value: int) -> None:
    bench = Bench()
    with pytest.raises(IncompatibleError, match=field):
        bench.mmio.load_state(MmioTransportState(**{field: value}))
