"""`describe` tells all of a good file, what can be told of a damaged one, and never fails."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import SnapshotError
from emu.formats import envelope, squib, thawbench
from emu.formats.thawbench import (
    ExtraBlob,
    ExtraVcpu,
    GicBlob,
    InterruptBanks,
    Pl011Blob,
    RedistributorBlob,
    VmGenIdBlob,
)
from emu.inspect.describe import describe, describe_file
from emu.inspect.description import (
    Description,
    DeviceView,
    InterruptView,
    Problem,
    RegisterView,
    StateView,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "squib-0.2"
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


def errors(description: Description) -> list[str]:
    return [problem.error for problem in description.problems]


# --- a good file -----------------------------------------------------------------------------


def test_header_checksum_and_vm_are_told() -> None:
    description = describe(REALISTIC.read_bytes())
    assert description.problems == ()
    assert description.size_bytes == 23257
    assert description.header is not None
    assert description.header.architecture == "aarch64"
    assert description.header.version == "5.0.0"
    assert description.checksum is not None
    assert description.checksum.ok
    assert state_of(description).vm.mem_size_mib == 512
    assert state_of(description).vm.boot_args == "console=ttyAMA0 panic=1"
    mmds = state_of(description).mmds
    assert mmds is not None
    assert mmds.token_ttl_seconds == 3600


def test_registers_of_a_vcpu_are_named_and_decoded() -> None:
    saved = snapshot().data.vcpu_states[1]
    vcpu = state_of(describe(REALISTIC.read_bytes())).vcpus[1]
    assert (vcpu.index, vcpu.mpidr.value, vcpu.psci_state) == (1, 1, "On")
    assert [r.value for r in vcpu.registers[:31]] == list(saved.regs.x)
    assert register(vcpu.registers, "PC").value == saved.regs.pc
    assert register(vcpu.registers, "SP_EL1").value == saved.regs.sp
    pstate = register(vcpu.registers, "PSTATE").fields
    assert pstate is not None
    assert (pstate["M"], pstate["I"], pstate["Z"]) == ("EL1h", "1", "1")
    assert vcpu.vectors[1] == "0x3d3307af6d2366d0df61fce846903eab"
    syndrome = register(vcpu.sys_regs, "ESR_EL1")
    assert syndrome.key == 33
    assert syndrome.fields is not None
    assert syndrome.fields["EC"] == "SVC"


def test_an_unknown_system_register_is_shown_with_its_key() -> None:
    vcpu = state_of(describe((GOLDEN / "11-many-sysregs.snap").read_bytes())).vcpus[0]
    by_key = {register.key: register for register in vcpu.sys_regs}
    assert by_key[0] == RegisterView("unknown", 0, 0, known=False)
    assert by_key[48] == RegisterView("unknown", 48**2, 48, known=False)
    assert by_key[47].name == "OSDLR_EL1"
    assert by_key[47].known


def test_a_blob_of_somebody_else_is_measured_and_previewed() -> None:
    state = state_of(describe(REALISTIC.read_bytes()))
    device = state.devices[1]
    assert (device.kind, device.id, device.mmio_slot) == ("virtio-net", "eth0", 1)
    assert device.blob.size_bytes == 140
    assert device.blob.preview.startswith("08 f3 4c fe")
    assert (device.blob.maker, device.blob.sections) == (None, ())
    assert state.gic.blob.size_bytes == state.gic.declared_size_bytes == 20480
    assert state.gic.blob.maker is None


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_every_description_is_json(path: Path) -> None:
    description = describe_file(path)
    assert json.loads(json.dumps(dataclasses.asdict(description)))["state"]["vm"]


# --- blobs that this project writes ----------------------------------------------------------


def describe_device(kind: str, blob: bytes, mmio_slot: int = 0xFFFF_FFFF) -> DeviceView:
    value = snapshot()
    value.data.device_states.devices = [squib.DeviceState(kind, "it", mmio_slot, blob)]
    (device,) = state_of(describe(squib.encode(value))).devices
    return device


def test_vmgenid_is_decoded() -> None:
    blob = thawbench.VMGENID.encode(VmGenIdBlob(gsi=47, addr=0x801F_FFF0))
    device = describe_device("vmgenid", blob)
    assert device.mmio_slot is None
    assert device.blob.maker == "thawbench"
    (section,) = device.blob.sections
    assert section.registers == (RegisterView("gsi", 47), RegisterView("addr", 0x801F_FFF0))


def test_the_uart_is_decoded_register_by_register() -> None:
    uart = Pl011Blob(
        [0x141], overrun=True, rsr=1, ilpr=0, ibrd=13, fbrd=1, lcr_h=0x70, cr=0x301, ifls=0x12,
        imsc=0x10, ris=0x20, dmacr=0,
    )  # fmt: skip
    registers, fifo = describe_device("pl011", thawbench.PL011.encode(uart)).blob.sections
    line_control = register(registers.registers, "UARTLCR_H")
    assert line_control.fields is not None
    assert line_control.fields["WLEN"] == "8 bits"
    assert {r.name.removeprefix("UART").lower() for r in registers.registers} == {
        field.name for field in dataclasses.fields(Pl011Blob)
    } - {"rx_fifo", "overrun"}
    assert [r.value for r in fifo.registers] == [0x141, 1]


def test_extra_registers_are_named_by_their_encoding() -> None:
    extra = ExtraBlob(123, [ExtraVcpu(1, {0xC208: 0xFFFF, 0xC230: 0xF8, 0xFFFF: 1})])
    host, vcpu = describe_device("thawbench-extra", thawbench.EXTRA.encode(extra)).blob.sections
    assert host.registers == (RegisterView("host_cycles", 123),)
    assert [r.name for r in vcpu.registers] == ["SP_EL0", "ICC_PMR_EL1", "unknown"]


def test_a_device_of_our_kind_with_foreign_bytes_is_opaque_and_says_why() -> None:
    blob = describe_device("pl011", b"\1\2\3", mmio_slot=3).blob
    assert (blob.maker, blob.size_bytes, blob.sections) == (None, 3, ())
    assert blob.note is not None
    assert "not made by thawbench" in blob.note


def test_our_gic_is_decoded_down_to_its_live_interrupts() -> None:
    idle, no = [0], [0]
    private = InterruptBanks([1 << 27], [1 << 27], idle, idle, no, bytes(27) + b"\xa0" + bytes(4))
    spis = InterruptBanks([0xFFFF_FFFF], no, [1 << 15], no, [1 << 15], bytes(32))
    gic = GicBlob(2, spis, [0] * 15 + [1] + [0] * 16, [RedistributorBlob(0, 0, private)])
    value = snapshot()
    value.data.gic_state.bytes = thawbench.GIC.encode(gic)
    value.data.gic_state.len = len(value.data.gic_state.bytes)
    view = state_of(describe(squib.encode(value))).gic
    assert view.blob.maker == "thawbench"
    distributor = view.blob.sections[0].registers[0]
    assert distributor.fields is not None
    assert (distributor.name, distributor.value) == ("GICD_CTLR", 2)
    timer = InterruptView(27, 0, 1, True, False, False, 0xA0, "level", None)
    spi = InterruptView(47, None, 1, False, True, False, 0, "edge", 1)
    assert view.interrupts == (timer, spi)


def test_a_damaged_gic_of_ours_is_opaque_and_says_why() -> None:
    value = snapshot()
    value.data.gic_state.bytes = thawbench.GIC.prefix + b"\0"
    view = state_of(describe(squib.encode(value))).gic
    assert view.interrupts == ()
    assert view.blob.note is not None
    assert "is damaged" in view.blob.note


# --- damaged files ---------------------------------------------------------------------------


def test_a_body_with_a_wrong_checksum_is_decoded_all_the_same() -> None:
    data = bytearray(REALISTIC.read_bytes())
    data[-1] ^= 1
    description = describe(bytes(data))
    assert errors(description) == ["CrcError"]
    assert description.state == describe(REALISTIC.read_bytes()).state
    assert description.checksum is not None
    assert description.checksum.stored == description.checksum.computed ^ (1 << 56)


def test_of_a_file_cut_off_the_header_is_told() -> None:
    description = describe(REALISTIC.read_bytes()[:1000])
    assert errors(description) == ["CrcError", "DecodeError"]
    assert description.state is None
    assert description.header is not None
    assert description.header.version == "5.0.0"


def test_of_a_file_that_is_too_large_the_header_is_told() -> None:
    data = REALISTIC.read_bytes() + bytes(squib.MAX_STATE_SIZE_BYTES)
    description = describe(data)
    assert errors(description) == ["SizeLimitError"]
    assert description.header is not None
    assert description.checksum is None


def test_of_a_file_that_is_too_short_its_size_is_told() -> None:
    assert describe(b"") == Description(0, None, None, describe(b"").problems)
    assert errors(describe(b"")) == ["TooShortError"]


def test_all_problems_are_listed_in_the_order_of_the_loader() -> None:
    value = snapshot()
    value.header.magic = envelope.MAGIC_X86_64
    value.header.version = "6.0.0"
    value.data.vcpu_states = []
    value.data.vm_info.smt = True
    value.data.gic_state.bytes = b""
    description = describe(squib.encode(value))
    assert errors(description) == ["MagicError", "VersionError", *["IncompatibleError"] * 4]
    assert description.header is not None
    assert description.header.architecture == "x86_64"


def refusals(data: bytes) -> tuple[Problem, ...]:
    """What loading raises: one problem at most."""
    try:
        squib.load(data)
    except SnapshotError as error:
        return (Problem(type(error).__name__, str(error)),)
    return ()


def assert_agrees_with_the_loader(data: bytes) -> None:
    """The first problem is what loading raises; a file without problems loads."""
    assert describe(data).problems[:1] == refusals(data)


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_describe_agrees_with_the_loader_on_golden_files(path: Path) -> None:
    assert_agrees_with_the_loader(path.read_bytes())


@given(st.binary(max_size=200))
def test_describe_agrees_with_the_loader_on_arbitrary_bytes(data: bytes) -> None:
    assert_agrees_with_the_loader(data)


@given(st.data())
def test_describe_agrees_with_the_loader_on_damaged_files(data: st.DataObject) -> None:
    file = bytearray((GOLDEN / "03-one-vcpu-one-device.snap").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    assert_agrees_with_the_loader(bytes(file))
    assert_agrees_with_the_loader(envelope.seal(envelope.body(bytes(file))))


# --- the memory file -------------------------------------------------------------------------


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    value = snapshot()
    value.data.vm_info.mem_size_mib = 1
    path = tmp_path / "vm.snap"
    path.write_bytes(squib.encode(value))
    return path


def test_the_memory_file_is_the_one_beside_the_state_file(state_file: Path) -> None:
    memory_file = state_file.with_suffix(".mem")
    memory_file.write_bytes(bytes(4096))
    memory = describe_file(state_file).memory
    assert memory is not None
    assert memory.path == str(memory_file)
    assert (memory.size_bytes, memory.expected_size_bytes) == (4096, 1 << 20)


def test_a_missing_memory_file_is_told_and_is_no_problem(state_file: Path) -> None:
    description = describe_file(state_file)
    assert description.problems == ()
    assert description.memory is not None
    assert description.memory.size_bytes is None


def test_only_a_snap_file_has_a_memory_file(state_file: Path) -> None:
    other = state_file.rename(state_file.with_suffix(".bin"))
    assert describe_file(other).memory is None


def test_the_size_told_is_that_of_the_file_however_large(state_file: Path) -> None:
    with state_file.open("r+b") as file:
        file.truncate(20_000_000)
    assert describe_file(state_file).size_bytes == 20_000_000
