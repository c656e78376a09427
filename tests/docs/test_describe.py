"""`docs/describe.md` shows what `describe` prints of the file that is built here."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from emu.arch import kvm, one_reg
from emu.formats import registry
from emu.formats.firecracker import gic, v1_14
from emu.formats.firecracker.gic import Entry
from emu.formats.firecracker.leaves import Aarch64RegisterVec
from emu.formats.firecracker.v1_9 import GicRegState, GicVcpuState, VgicSysRegsState
from emu.formats.firecracker.v1_9_devices import Connected, ConnectedLegacyState, Serial
from emu.formats.firecracker.v1_9_virtio import (
    CacheType,
    FileEngineTypeState,
    QueueState,
    RateLimiterState,
    TokenBucketState,
    VirtioBlockState,
)
from emu.formats.firecracker.v1_13 import (
    GicState,
    ItsRegisterState,
    MMIODeviceInfo,
    MmioTransportState,
    VcpuState,
)
from emu.formats.firecracker.v1_13_resources import InnerNode, NodeState, RangeInclusive
from emu.formats.firecracker.v1_15 import VirtioDeviceState, VirtioDeviceType
from emu.formats.firecracker.v1_16 import SerialState
from emu.inspect.describe import describe
from harness.report.description import print_description
from tests.plainest import plainest_snapshot

PAGE = Path(__file__).parents[2] / "docs" / "describe.md"

_REGISTERS = {
    "X0": 0x9FE0_0000,
    "PC": 0xFFFF_8000_8001_2A4C,
    "PSTATE": 0x3C5,
    "V1": 0x0123_4567_89AB_CDEF,
    "FPCR": 0,
    "PSCI_VERSION": 0x1_0001,
    "CNTV_CTL_EL0": 1,
    "CNTVCT_EL0": 0x12_3456,
    "MDSCR_EL1": 0,
    "SCTLR_EL1": 0x34F4_D91D,
    "VBAR_EL1": 0xFFFF_8000_8001_0800,
    "AFSR0_EL1": 0,
    "TPIDR_EL0": kvm.NEVER_WRITTEN,
}
_UNNAMED_REGISTER = 0x6030_0000_0013_F7FF


@pytest.fixture(scope="session")
def sample() -> bytes:
    """A small file of Firecracker v1.16: one vCPU, a disk, a serial port, VMGenID, VMClock."""
    snapshot = plainest_snapshot("firecracker-1.16")
    state = snapshot.data
    state.vm_info.mem_size_mib = 512
    state.vm_info.boot_source.kernel_image_path = "/boot/vmlinux"
    state.vm_state.memory.regions = [
        v1_14.GuestMemoryRegionState(0x8000_0000, 512 << 20, v1_14.GuestRegionType.Dram, [True])
    ]
    state.vcpu_states = [_vcpu()]
    state.vm_state.gic = _gic()
    _hand_out(state.vm_state.resource_allocator)
    devices = state.device_states
    devices.mmio_state.legacy_devices = [
        ConnectedLegacyState(Serial(), _window(0x4000_2000, gsi=1))
    ]
    devices.mmio_state.block_devices = [_disk()]
    devices.serial_state = SerialState(13, 0, 5, 1, 0x13, 0x60, 8, 0xB0, 0, b"")
    devices.acpi_state.vmgenid.gsi, devices.acpi_state.vmgenid.addr = 2, 0x801F_FFF0
    clock = devices.acpi_state.vmclock
    clock.gsi, clock.guest_address = 3, 0x801F_E000
    clock.inner.magic, clock.inner.size, clock.inner.version = 0x4B4C_4356, 0x1000, 1
    clock.inner.counter_id, clock.inner.flags = 0xFF, 0x300
    clock.inner.seq_count, clock.inner.vm_generation_counter = 2, 1
    return registry.get("firecracker-1.16").encode(snapshot)


def _vcpu() -> VcpuState:
    registers = [(one_reg.BY_NAME[name].id, value) for name, value in _REGISTERS.items()]
    registers.append((_UNNAMED_REGISTER, 1))
    return VcpuState(
        mp_state=bytes(4),
        regs=Aarch64RegisterVec.of(registers),
        mpidr=0x8000_0000,
        kvi=b"\5\0\0\0\4" + bytes(27),
        pvtime_ipa=0x801F_DFC0,
    )


def _gic() -> GicState:
    words = {
        "GICD_CTLR": [0x53],
        "GICD_ISENABLER": [0b1111, 0, 0],
        "GICD_ISPENDR": [0b100, 0, 0],
        "GICD_IGROUPR": [0xFFFF_FFFF] * 3,
        "GICD_ICFGR": [0xAAAA_AAAA] * 6,
        "GICD_IPRIORITYR": [0xA0A0_A0A0] * 24,
        "GICR_ISENABLER": [1 << 27],
        "GICR_IGROUPR": [0xFFFF_FFFF],
        "GICR_IPRIORITYR": [0xA0A0_A0A0] * 8,
        "ICC_SRE_EL1": [7],
        "ICC_CTLR_EL1": [0x8400],
        "ICC_IGRPEN1_EL1": [1],
        "ICC_PMR_EL1": [0xF0],
    }

    def rows(entries: tuple[Entry, ...]) -> list[GicRegState[int]]:
        return [GicRegState(words.get(e.name, [0] * e.chunk_count)) for e in entries]

    lists = gic.GICV3_FROM_1_13
    active_priorities = [GicRegState([0]), None, None, None] * 2
    interface = VgicSysRegsState(rows(lists.main_icc_regs), active_priorities)
    vcpu = GicVcpuState(rows(lists.rdist), interface)
    return GicState(rows(lists.dist), [vcpu], ItsRegisterState(0, 0, 0, 0, (0,) * 8, 0))


def _hand_out(allocators: Any) -> None:
    """The interrupts of four devices, and the windows of two."""
    gsis = allocators.gsi_legacy_allocator
    gsis.next_id, gsis.range_end = 4, 95
    mmio = allocators.mmio32_memory
    mmio.address_space = RangeInclusive(0x4000_3000, 0x6FFF_FFFF)
    window, rest = (
        RangeInclusive(0x4000_3000, 0x4000_3FFF),
        RangeInclusive(0x4000_4000, 0x6FFF_FFFF),
    )
    free = InnerNode(rest, NodeState.Free, None, None, 1)
    mmio.interval_tree.root = InnerNode(window, NodeState.Allocated, None, free, 2)


def _window(address: int, gsi: int) -> Any:
    return MMIODeviceInfo(address, 0x1000, gsi)


def _disk() -> Any:
    bandwidth = TokenBucketState(1 << 20, 0, 100, 1 << 20, 0)
    queue = QueueState(256, 256, True, 0x9F00_0000, 0x9F00_1000, 0x9F00_2000, 12, 12, 0)
    features = 1 << 32 | 1 << 29
    common: Any = VirtioDeviceState(
        VirtioDeviceType.Block, features | 1 << 9, features, [queue], True
    )
    disk = VirtioBlockState(
        id="rootfs",
        partuuid=None,
        cache_type=CacheType.Unsafe,
        root_device=True,
        disk_path="/srv/rootfs.ext4",
        virtio_state=common,
        rate_limiter_state=RateLimiterState(None, bandwidth),
        file_engine_type=FileEngineTypeState.Sync,
    )
    transport: Any = MmioTransportState(1, 1, 0, 0x0F, 0, 1)
    return Connected("rootfs", disk, transport, _window(0x4000_3000, gsi=0))


def printed(data: bytes) -> str:
    output = io.StringIO()
    print_description(Console(file=output), describe(data))
    return output.getvalue()


def test_the_page_shows_what_is_printed(sample: bytes) -> None:
    (shown,) = re.findall(r"^```console\n\$ thawbench describe vm.state\n(.*?)^```$",
                          PAGE.read_text(encoding="utf-8"), re.M | re.S)  # fmt: skip
    assert printed(sample) == shown


def test_the_python_of_the_page_runs(
    sample: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (example,) = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S
    )
    monkeypatch.chdir(tmp_path)
    Path("vm.state").write_bytes(sample)
    exec(compile(example, "describe.md", "exec"), {})
    assert capsys.readouterr().out == "/srv/rootfs.ext4 ('EVENT_IDX', 'VERSION_1')\n"
