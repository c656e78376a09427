"""Devices as text: what and where, what the driver took, facts that say something."""

from __future__ import annotations

from emu.arch.pci import Bar
from emu.inspect.describe.views.devices import (
    DeviceView,
    FlagsView,
    PciView,
    PlaceView,
    QueueView,
    VectorView,
    VirtioView,
)
from emu.inspect.describe.views.registers import BlobView, Section
from harness.report.description.devices import device_lines


def lines(device: DeviceView) -> list[str]:
    return [str(line) for line in device_lines(device)]


def virtio(offered: tuple[str, ...], negotiated: tuple[str, ...]) -> VirtioView:
    return VirtioView(
        activated=False,
        status=FlagsView(0, ()),
        interrupt_status=None,
        offered=FlagsView(3, offered),
        negotiated=FlagsView(1, negotiated),
        queues=(QueueView(0, 256, 0, False, 0, 0, 0, 0, 0, 0),),
        transport={"queue_select": 1},
    )


def test_a_place_has_its_address_size_and_interrupts() -> None:
    device = DeviceView("rtc", place=PlaceView(0x4000_1000, 0x1000, (1, 3), (33, 35)))
    assert lines(device) == ["  0x40001000 (4,096 bytes), GSI 1 (INTID 33), GSI 3 (INTID 35)  rtc"]


def test_a_device_on_a_pci_bus_has_its_bars_and_vectors() -> None:
    vectors = (
        VectorView(0, 96, 0x3FFD_0040, 7, masked=True, pending=True),
        VectorView(1, None, 0, 0, masked=False, pending=False),
    )
    bar = Bar(0, "I/O", 0x4000_0000, 512)
    place = PciView("0000:00:02.0", (bar,), Section("", ()), True, True, vectors)
    assert lines(DeviceView("net", "a", pci=place)) == [
        "  PCI 0000:00:02.0, BAR 0 at 0x40000000 (512 bytes, I/O), MSI-X enabled, masked  net 'a'",
        "    vector 0  GSI 96, writes 0x7 to 0x3ffd0040, masked, pending",
        "    vector 1  writes 0x0 to 0x0",
    ]


def test_features_that_the_driver_declined_are_named() -> None:
    shown = lines(DeviceView("virtio-net", virtio=virtio(("CSUM", "MAC"), ("CSUM",))))
    assert "    not activated, status 0x0" in shown
    assert "    features 0x1 CSUM (offered, and not negotiated: MAC)" in shown
    assert any(line.startswith("    queue 0  0 of 256, not ready") for line in shown)
    all_taken = lines(DeviceView("virtio-net", virtio=virtio(("CSUM",), ("CSUM",))))
    assert "    features 0x1 CSUM" in all_taken


def test_facts_without_a_value_are_left_out() -> None:
    facts = {
        "partuuid": None,
        "rate_limiter_state": {"ops": {"size": 5, "burst": None}, "bandwidth": None},
        "idle": {"ops": None, "bandwidth": None},
        "plugged_blocks": [True, False, True],
        "in_buffer": "",
        "numbers": [1, 2],
        "none": [],
    }
    assert lines(DeviceView("virtio-mem", facts=facts))[1:] == [
        "    rate_limiter_state.ops  size=5",
        "    plugged_blocks          2 of 3",
        '    in_buffer               ""',
        "    numbers                 1, 2",
        "    none                    none",
    ]


def test_addresses_are_written_as_addresses() -> None:
    stack = {"mac_addr": [6, 1, 35, 69, 103, 1], "ipv4_addr": 0xA9FE_A9FE, "tcp_port": 80}
    facts = {"addr": 1 << 39, "mmds_ns": stack}
    assert lines(DeviceView("virtio-net", facts=facts))[1:] == [
        "    addr     0x8000000000",
        "    mmds_ns  mac_addr=06:01:23:45:67:01 ipv4_addr=169.254.169.254 tcp_port=80",
    ]


def test_what_a_terminal_would_obey_is_escaped() -> None:
    device = DeviceView("\x1b[31m", "\n", facts={"disk_path": "\x1b[0m"})
    assert lines(device) == [r"  \x1b[31m '\\n'", r"    disk_path  \x1b[0m"]


def test_an_opaque_device_shows_its_slot_and_its_first_bytes() -> None:
    blob = BlobView(100, "01 02", note="not made by thawbench")
    (line,) = lines(DeviceView("virtio-block", "a", mmio_slot=4, blob=blob))
    assert line == (
        "  slot 4  virtio-block 'a'  100 bytes, opaque: 01 02 ... (not made by thawbench)"
    )
