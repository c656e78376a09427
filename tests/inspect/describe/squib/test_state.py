"""A squib state is shown whole: by name and field where it is ours, measured where it is not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from emu.formats import squib, thawbench
from emu.formats.firecracker.gic import Interrupt
from emu.formats.firecracker.v1_9_virtio import QueueState, TokenBucketState
from emu.formats.firecracker.v1_13 import MmioTransportState
from emu.formats.thawbench import (
    ExtraBlob,
    ExtraVcpu,
    GicBlob,
    InterruptBanks,
    Pl011Blob,
    RedistributorBlob,
    VmGenIdBlob,
)
from emu.formats.thawbench.virtio import (
    ConnectedBlob,
    RateLimiterBlob,
    RngBlob,
    VirtioBlob,
)
from emu.inspect.describe import describe, describe_file
from emu.inspect.describe.views.devices import DeviceView
from emu.inspect.describe.views.file import Description
from emu.inspect.describe.views.registers import RegisterView
from emu.inspect.describe.views.state import GicView, StateView

GOLDEN = Path(__file__).parents[3] / "golden" / "squib-0.2"
STATE_FILES = sorted(GOLDEN.glob("*.snap"))
REALISTIC = GOLDEN / "14-realistic-two-vcpus-mmds.snap"


def snapshot() -> squib.Snapshot:
    return squib.load(REALISTIC.read_bytes())


def state_of(description: Description) -> StateView:
    assert description.state is not None
    return description.state


def register(registers: tuple[RegisterView, ...], name: str) -> RegisterView:
    (found,) = (register for register in registers if register.name == name)
    return found


def test_vm_memory_and_mmds_are_told() -> None:
    state = state_of(describe(REALISTIC.read_bytes()))
    assert state.vm["mem_size_mib"] == 512
    assert state.vm["boot_args"] == "console=ttyAMA0 panic=1"
    (region,) = state.regions
    assert (region.base_address, region.size_bytes) == (squib.DRAM_BASE, 512 << 20)
    assert state.memory_file_size_bytes == 512 << 20
    assert state.mmds is not None
    assert state.mmds["token_ttl_seconds"] == 3600


def test_registers_of_a_vcpu_are_named_and_decoded() -> None:
    saved = snapshot().data.vcpu_states[1]
    vcpu = state_of(describe(REALISTIC.read_bytes())).vcpus[1]
    assert (vcpu.index, vcpu.mpidr.value, vcpu.power_state) == (1, 1, "On")
    general, simd, system = (group.registers for group in vcpu.groups)
    assert [r.value for r in general[:31]] == list(saved.regs.x)
    assert register(general, "PC").value == saved.regs.pc
    assert register(general, "SP_EL1").value == saved.regs.sp
    pstate = register(general, "PSTATE").fields
    assert pstate is not None
    assert (pstate["M"], pstate["I"], pstate["Z"]) == ("EL1h", "1", "1")
    assert register(simd, "V1").value == "0x3d3307af6d2366d0df61fce846903eab"
    syndrome = register(system, "ESR_EL1")
    assert syndrome.key == 33
    assert syndrome.fields is not None
    assert syndrome.fields["EC"] == "SVC"


def test_an_unknown_system_register_is_shown_with_its_key() -> None:
    vcpu = state_of(describe((GOLDEN / "11-many-sysregs.snap").read_bytes())).vcpus[0]
    by_key = {register.key: register for register in vcpu.groups[-1].registers}
    assert by_key[0] == RegisterView("unknown", 0, 0, known=False)
    assert by_key[48] == RegisterView("unknown", 48**2, 48, known=False)
    assert by_key[47].name == "OSDLR_EL1"
    assert by_key[47].known


def test_a_blob_of_somebody_else_is_measured_and_previewed() -> None:
    state = state_of(describe(REALISTIC.read_bytes()))
    device = state.devices[1]
    assert (device.kind, device.id, device.mmio_slot) == ("virtio-net", "eth0", 1)
    assert device.blob is not None
    assert device.blob.size_bytes == 140
    assert device.blob.preview.startswith("08 f3 4c fe")
    assert (device.blob.maker, device.sections) == (None, ())
    assert state.gic is not None
    assert state.gic.blob is not None
    assert state.gic.blob.size_bytes == state.gic.declared_size_bytes == 20480
    assert (state.gic.version, state.gic.blob.maker) == (None, None)


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_every_description_is_json(path: Path) -> None:
    description = describe_file(path)
    assert json.loads(json.dumps(dataclasses.asdict(description)))["state"]["vm"]


# --- what this project writes ----------------------------------------------------------


def describe_device(kind: str, blob: bytes, mmio_slot: int = 0xFFFF_FFFF) -> DeviceView:
    value = snapshot()
    value.data.device_states.devices = [squib.DeviceState(kind, "it", mmio_slot, blob)]
    (device,) = state_of(describe(squib.encode(value))).devices
    return device


def test_a_virtio_device_is_decoded() -> None:
    queue = QueueState(256, 128, True, 0x1000, 0x2000, 0x3000, 7, 6, 1)
    virtio = VirtioBlob(1 << 32 | 1 << 29, 1 << 32, [queue], activated=True, notified=[])
    bucket = TokenBucketState(100, 0, 1000, 40, 5)
    value = ConnectedBlob(
        MmioTransportState(0, 1, 0, device_status=0xF, config_generation=2, interrupt_status=1),
        RngBlob(virtio, RateLimiterBlob(None, bucket, None)),
    )
    blob = thawbench.VIRTIO_ENCODINGS["virtio-rng"].encode(value)
    device = describe_device("virtio-rng", blob, mmio_slot=3)
    assert device.mmio_slot == 3
    assert device.blob is not None
    assert device.blob.maker == "thawbench"
    assert device.virtio is not None
    assert device.virtio.status.names == ("ACKNOWLEDGE", "DRIVER", "DRIVER_OK", "FEATURES_OK")
    assert device.virtio.offered.names == ("EVENT_IDX", "VERSION_1")
    assert device.virtio.negotiated.names == ("VERSION_1",)
    assert device.virtio.interrupt_status is not None
    assert device.virtio.interrupt_status.names == ("USED_BUFFER",)
    assert (device.virtio.queues[0].size, device.virtio.queues[0].next_available) == (128, 7)
    assert device.virtio.transport["config_generation"] == 2
    assert device.facts is not None
    assert device.facts["rate_limiter_state"]["bandwidth"]["budget"] == 40


def test_vmgenid_is_decoded() -> None:
    blob = thawbench.VMGENID.encode(VmGenIdBlob(gsi=47, addr=0x801F_FFF0))
    device = describe_device("vmgenid", blob)
    assert device.mmio_slot is None
    assert device.blob is not None
    assert device.blob.maker == "thawbench"
    (section,) = device.sections
    assert section.registers == (RegisterView("gsi", 47), RegisterView("addr", 0x801F_FFF0))


def test_the_uart_is_decoded_register_by_register() -> None:
    uart = Pl011Blob(
        [0x141], overrun=True, rsr=1, ilpr=0, ibrd=13, fbrd=1, lcr_h=0x70, cr=0x301, ifls=0x12,
        imsc=0x10, ris=0x20, dmacr=0,
    )  # fmt: skip
    registers, fifo = describe_device("pl011", thawbench.PL011.encode(uart)).sections
    line_control = register(registers.registers, "UARTLCR_H")
    assert line_control.fields is not None
    assert line_control.fields["WLEN"] == "8 bits"
    assert {r.name.removeprefix("UART").lower() for r in registers.registers} == {
        field.name for field in dataclasses.fields(Pl011Blob)
    } - {"rx_fifo", "overrun"}
    assert [r.value for r in fifo.registers] == [0x141, 1]


def test_extra_registers_are_named_by_their_encoding() -> None:
    extra = ExtraBlob(123, [ExtraVcpu(1, {0xC208: 0xFFFF, 0xC230: 0xF8, 0xFFFF: 1})])
    host, vcpu = describe_device("thawbench-extra", thawbench.EXTRA.encode(extra)).sections
    assert host.registers == (RegisterView("host_cycles", 123),)
    assert [r.name for r in vcpu.registers] == ["SP_EL0", "ICC_PMR_EL1", "unknown"]


def test_a_device_of_our_kind_with_foreign_bytes_is_opaque_and_says_why() -> None:
    device = describe_device("pl011", b"\1\2\3", mmio_slot=3)
    blob = device.blob
    assert blob is not None
    assert (blob.maker, blob.size_bytes, device.sections) == (None, 3, ())
    assert blob.note is not None
    assert "not made by thawbench" in blob.note


def gic_of(value: squib.Snapshot) -> GicView:
    view = state_of(describe(squib.encode(value))).gic
    assert view is not None
    return view


def test_our_gic_is_decoded_down_to_its_live_interrupts() -> None:
    idle, no = [0], [0]
    private = InterruptBanks([1 << 27], [1 << 27], idle, idle, no, bytes(27) + b"\xa0" + bytes(4))
    spis = InterruptBanks([0xFFFF_FFFF], no, [1 << 15], no, [1 << 15], bytes(32))
    gic = GicBlob(2, spis, [0] * 15 + [1] + [0] * 16, [RedistributorBlob(0, 0, private)])
    value = snapshot()
    value.data.gic_state.bytes = thawbench.GIC.encode(gic)
    value.data.gic_state.len = len(value.data.gic_state.bytes)
    view = gic_of(value)
    assert view.blob is not None
    assert (view.version, view.blob.maker) == ("GICv3", "thawbench")
    distributor = view.sections[0].registers[0]
    assert distributor.fields is not None
    assert (distributor.name, distributor.value) == ("GICD_CTLR", 2)
    timer = Interrupt(27, 0, 1, True, False, False, 0xA0, "level", None)
    spi = Interrupt(47, None, 1, False, True, False, 0, "edge", 1)
    assert view.interrupts == (timer, spi)


def test_a_damaged_gic_of_ours_is_opaque_and_says_why() -> None:
    value = snapshot()
    value.data.gic_state.bytes = thawbench.GIC.prefix + b"\0"
    view = gic_of(value)
    assert (view.sections, view.interrupts) == ((), ())
    assert view.blob is not None
    assert view.blob.note is not None
    assert "is damaged" in view.blob.note
