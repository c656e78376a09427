"""v1.15 and v1.16: the serial port is saved; PCI addresses are numbers, BARs are kept apart.

Source: Firecracker v1.15.0 and v1.16.0, below `src/vmm/src`: `device_manager/mod.rs`,
`device_manager/persist.rs`, `devices/virtio/transport/pci/device.rs`, `pci/configuration.rs`,
`devices/virtio/net/device.rs`, `devices/virtio/vsock/device.rs`; the crate vm-superio 0.8.0,
`serial.rs`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from emu.arch import pci
from emu.inspect.convert.rules import Rule, Step, added, derived, feature, moved, structs
from emu.inspect.convert.tree import Fields, Items, Leaf, Tree, items, planted
from emu.inspect.convert.work import Work, fields, leaf, put, take

# --- serial port -------------------------------------------------------------------------------

SERIAL_AFTER_RESTORE: Final = {
    "baud_divisor_low": 12,
    "baud_divisor_high": 0,
    "interrupt_enable": 1,
    "interrupt_identification": 1,
    "line_control": 3,
    "line_status": 0x60,
    "modem_control": 8,
    "modem_status": 0xB0,
    "scratch": 0,
    "in_buffer": [],
}
"""What v1.15 makes of every serial port: one after a reset, that interrupts for input.

v1.16 makes one after a reset if the state has none, and that does not interrupt.
"""


def _serial(work: Work, _: Fields) -> Tree:
    kinds = [fields(device, "type_").variant for device in structs(work.data, "type_")]
    return planted(SERIAL_AFTER_RESTORE if "Serial" in kinds else None)


# --- PCI ---------------------------------------------------------------------------------------

_BAR_FIRST, _BAR_COUNT = 4, 6
_ADDRESS_BITS = 0xFFFF_FFF0
_ALL_ONES = 0xFFFF_FFFF


def _number(text: Any) -> int:
    """The number of a PCI address in the form "0000:00:1f.7"."""
    segment, bus, device, function = (int(part, 16) for part in re.split("[:.]", text))
    return segment << 16 | bus << 8 | (device & 0x1F) << 3 | function & 7


def _keep_bars_apart(work: Work) -> None:
    for transport in structs(work.data, "cap_pci_cfg"):
        configuration = fields(transport, "pci_configuration_state")
        bars = take(configuration, "bars")
        registers = leaf(configuration, "registers")
        address = take(transport, "bar_address")
        assert isinstance(bars, Items)
        assert isinstance(address, Leaf)
        for index, bar in enumerate(bars.items):
            assert isinstance(bar, Fields)
            _keep_bar(work, registers, index, bar)
        _clear(work, configuration)
        transport.fields["bars"] = Fields({"bars": bars})
        if bar_address(transport) != address.value:
            work.lose(address, "its registers are where its base address register says")


def _keep_bar(work: Work, registers: Leaf, index: int, bar: Fields) -> None:
    """The register reads the address, or the size after all ones were written to it."""
    used = take(bar, "used")
    put(bar, "encoded_addr", take(bar, "addr") or Leaf(0))
    put(bar, "encoded_size", take(bar, "size") or Leaf(0))
    address, size = leaf(bar, "encoded_addr").value, leaf(bar, "encoded_size").value
    found = registers.value[_BAR_FIRST + index]
    reads_size = found != address and found == _reading_size(index, address, size)
    put(bar, "about_to_be_read", Leaf(reads_size))
    if found != address and not reads_size:
        where = f"{registers.origin}[{_BAR_FIRST + index}]"
        work.lose(Leaf(found, where), "the register reads the address that the device was given")
    if isinstance(used, Leaf) and used.value != bool(size):
        work.lose(used, "the register is in use if it has a size")


def _reading_size(index: int, address: int, size: int) -> int:
    writable = _writable(index, size)
    return address & ~writable | size & writable


def _writable(index: int, size: int) -> int:
    """Bits of a base address register that the guest can write, up to v1.15."""
    if not size:
        return 0
    return _ADDRESS_BITS if index == 0 else _ALL_ONES


def _clear(work: Work, configuration: Fields) -> None:
    """In v1.16 these words of the configuration space are not used."""
    nothing = [0] * _BAR_COUNT
    _replace(work, configuration, "registers", nothing)
    _replace(work, configuration, "writable_bits", nothing)


def _replace(work: Work, configuration: Fields, name: str, words: list[int]) -> None:
    space = leaf(configuration, name)
    rewritten = list(space.value)
    rewritten[_BAR_FIRST : _BAR_FIRST + _BAR_COUNT] = words
    work.change(space, rewritten, "base address registers are kept elsewhere")


def _put_bars_back(work: Work) -> None:
    for transport in structs(work.data, "cap_pci_cfg"):
        configuration = fields(transport, "pci_configuration_state")
        address = Leaf(bar_address(transport))
        bars = take(transport, "bars.bars")
        assert isinstance(bars, Items)
        registers, writable = [], []
        for index, bar in enumerate(bars.items):
            assert isinstance(bar, Fields)
            registers.append(_put_bar_back(index, bar))
            writable.append(_writable(index, leaf(bar, "size").value))
        _replace(work, configuration, "registers", registers)
        _replace(work, configuration, "writable_bits", writable)
        put(configuration, "bars", bars)
        put(transport, "bar_address", work.add(address, "it is in the base address registers"))


def _put_bar_back(index: int, bar: Fields) -> int:
    """What the register in the configuration space reads."""
    put(bar, "addr", take(bar, "encoded_addr") or Leaf(0))
    put(bar, "size", take(bar, "encoded_size") or Leaf(0))
    address: int = leaf(bar, "addr").value
    size: int = leaf(bar, "size").value
    put(bar, "used", Leaf(bool(size)))
    reads_size = take(bar, "about_to_be_read")
    is_asked = isinstance(reads_size, Leaf) and reads_size.value
    return _reading_size(index, address, size) if is_asked else address


def bar_address(transport: Fields) -> int:
    """The address in the first two base address registers, of a transport of v1.16."""
    low, high, *_ = items(fields(transport, "bars").fields["bars"])
    address: int = leaf(low, "encoded_addr").value & _ADDRESS_BITS
    return address | int(leaf(high, "encoded_addr").value) << 32


# --- the whole ---------------------------------------------------------------------------------

STEP: Final[Step] = (
    derived(
        "device_states.serial_state",
        _serial,
        "what v1.15 makes of every serial port: one after a reset, that interrupts for input",
        "the serial port is one after a reset: input that the guest has yet to read is gone, and "
        "so are its settings",
        is_harmless=lambda value, _: value in (None, SERIAL_AFTER_RESTORE),
        unless="it is as after a restore",
    ),
    added("mtu", None, "v1.15 tells no MTU", "the guest is told no MTU", beside="guest_mac"),
    feature("tap_if_name", 3, "MTU", "if it is loaded anew, it finds no MTU"),
    feature(
        "cid",
        29,
        "EVENT_IDX",
        "the device does not say when it wants to be notified, so that the vsock may hang",
    ),
    added(
        "rate_limiter",
        None,
        "v1.15 does not limit it",
        "flushing is not limited any more",
        beside="path_on_host",
    ),
    added(
        "rate_limiter_state",
        {"ops": None, "bandwidth": None},
        "v1.15 does not limit it",
        "flushing is not limited any more",
        beside="config",
    ),
    moved(
        "pci_device_bdf",
        "sbdf._0",
        beside="cap_pci_cfg",
        to_new=_number,
        to_old=pci.address_text,
        form="a number",
    ),
    moved("pci_device_bdf", "sbdf._0", beside="device_id"),
    moved(
        "pci_configuration_state.msix_cap_reg_idx",
        "msix_config_cap_offset",
        beside="cap_pci_cfg",
        to_new=lambda word: 4 * word if word else 0,
        to_old=lambda offset: offset // 4 or None,
        form="in bytes",
    ),
    Rule(
        "PCI `bars`, `bar_address`, and their words in `registers` and `writable_bits`",
        "kept as `bars` of the transport; a register that the guest has moved reads its old "
        "address again, which is where the device is",
        "kept",
        _keep_bars_apart,
        _put_bars_back,
    ),
)
