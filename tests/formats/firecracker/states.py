"""A small state of each release that its loader accepts, with a device of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from emu.formats import envelope, registry
from emu.formats.firecracker.restore.devices import BALLOON, KINDS, MEM, NET, VSOCK, Kind
from emu.formats.format import Format
from emu.wire.nodes import (
    ArrayNode,
    BoolNode,
    BytesNode,
    EnumNode,
    IntNode,
    Node,
    OptionNode,
    SeqNode,
    StructNode,
    TextNode,
    TupleNode,
    UnionNode,
    inner_nodes,
)

RELEASES = ("1.9", "1.10", "1.11", "1.12", "1.13", "1.14", "1.15", "1.16", "main")

RAM = 0x8000_0000
RAM_SIZE_BYTES = 128 << 20
VMGENID = 0x801F_FFF0
VMCLOCK = 0x801F_E000
_BAR_TYPE = "Memory64BitRegion"
_QUEUE_COUNTS = {NET: 2, VSOCK: 3, BALLOON: 2}
_TEXTS = {"semver version": "1.0.0", "PCI address": "0000:00:01.0"}


def plain(node: Node) -> Any:
    """The least value of a type: 0, nothing, the first variant."""
    return _PLAIN[type(node)](node)


def _plain_struct(node: StructNode) -> Any:
    return node.cls(**{field.name: plain(field.node) for field in node.fields})


_PLAIN: dict[type, Any] = {
    StructNode: _plain_struct,
    UnionNode: lambda node: plain(node.variants[0]),
    EnumNode: lambda node: next(iter(node.cls)),
    ArrayNode: lambda node: tuple(plain(node.item) for _ in range(node.length)),
    TupleNode: lambda node: tuple(map(plain, node.items)),
    OptionNode: lambda node: None,
    SeqNode: lambda node: [],
    IntNode: lambda node: int(node.nonzero),
    BoolNode: lambda node: False,
    BytesNode: lambda node: b"",
    TextNode: lambda node: _TEXTS.get(node.name, ""),
}


def inside(node: Node, *names: str) -> Node:
    """The type at the end of a path of fields; options and lists count as what is in them."""
    for name in names:
        if isinstance(node, UnionNode):
            node = next(variant for variant in node.variants if variant.name == name)
        else:
            assert isinstance(node, StructNode)
            node = next(field.node for field in node.fields if field.name == name)
        if isinstance(node, OptionNode | SeqNode):
            node = node.item
    return node


@dataclass
class Built:
    """A snapshot, and where its parts are.

    Attributes:
        mmio: the devices on the MMIO bus; None if there is no such list.
        pci: those on the PCI bus.
    """

    release: Format
    snapshot: Any
    mmio: Any
    pci: Any

    @property
    def state(self) -> Any:
        return self.snapshot.data

    @property
    def memory(self) -> Any:
        return getattr(self.state, "memory_state", None) or self.state.vm_state.memory

    @property
    def acpi(self) -> Any:
        state = self.state
        return getattr(state, "acpi_dev_state", None) or state.device_states.acpi_state

    def bus(self, name: str) -> Any:
        return self.mmio if name == "MMIO" else self.pci

    def device(self, bus: str, kind: Kind) -> Any:
        found = getattr(self.bus(bus), kind.field)
        return found[0] if isinstance(found, list) else found

    def virtio(self, bus: str, kind: Kind) -> Any:
        inner = self.device(bus, kind).device_state
        return (inner.frontend if kind is VSOCK else inner).virtio_state

    def add_region(self, base: int, size: int, **fields: Any) -> None:
        node = inside(self.release.schema, "data", *self._memory_path(), "regions")
        region = plain(node)
        region.base_address, region.size = base, size
        if hasattr(region, "plugged"):
            region.plugged = [True]
        for name, value in fields.items():
            setattr(region, name, value)
        self.memory.regions.append(region)

    def _memory_path(self) -> tuple[str, ...]:
        return ("memory_state",) if hasattr(self.state, "memory_state") else ("vm_state", "memory")


def release(name: str) -> Format:
    return registry.get(f"firecracker-{name}")


def acceptable(name: str, transport: str = "MMIO") -> Built:
    """A snapshot that the release's loader accepts.

    Args:
        name: the release.
        transport: which devices a state of main has, "MMIO" or "PCI"; others have both.
    """
    chosen = release(name)
    snapshot = plain(chosen.schema)
    snapshot.header.magic, snapshot.header.version = envelope.MAGIC_AARCH64, chosen.version
    built = Built(chosen, snapshot, *_buses(chosen, snapshot.data, transport))
    state = snapshot.data
    state.vm_info.mem_size_mib = RAM_SIZE_BYTES >> 20
    built.add_region(RAM, RAM_SIZE_BYTES)
    state.vcpu_states.append(_vcpu(chosen))
    _fill_gic(chosen, state.vm_state.gic)
    _fill_acpi(chosen, built)
    _fill_legacy(chosen, built)
    _fill_devices(built)
    return built


def _buses(chosen: Format, state: Any, transport: str) -> tuple[Any, Any]:
    devices = state.device_states
    if hasattr(devices, "virtio_state"):
        node = inside(chosen.schema, "data", "device_states", "virtio_state")
        assert isinstance(node, UnionNode)
        index = ("MMIO", "PCI").index(transport)
        devices.virtio_state = plain(node.variants[index])
        return (devices.virtio_state, None) if transport == "MMIO" else (None, devices.virtio_state)
    if hasattr(devices, "mmio_state"):
        devices.pci_state.pci_enabled = True
        return devices.mmio_state, devices.pci_state
    return devices, None


def _vcpu(chosen: Format) -> Any:
    vcpu = plain(inside(chosen.schema, "data", "vcpu_states"))
    vcpu.mp_state, vcpu.kvi = bytes(4), bytes(32)
    return vcpu


def _fill_gic(chosen: Format, gic: Any) -> None:
    """A GICv3 with 5 bits of priority."""
    types = chosen.types()
    vcpu = plain(inside(chosen.schema, "data", "vm_state", "gic", "gic_vcpu_states"))
    register = types["GicRegState"]
    vcpu.rdist = [register([0])]
    vcpu.icc.main_icc_regs = [register([7]), register([4 << 8])]
    vcpu.icc.ap_icc_regs = [register([0]), None, None, None] * 2
    gic.gic_vcpu_states.append(vcpu)
    if hasattr(gic, "its_state"):
        gic.its_state = plain(inside(chosen.schema, "data", "vm_state", "gic", "its_state"))


def _fill_acpi(chosen: Format, built: Built) -> None:
    built.acpi.vmgenid = chosen.types()["VMGenIDState"](gsi=90, addr=VMGENID)
    if hasattr(built.acpi, "vmclock"):
        built.acpi.vmclock.guest_address, built.acpi.vmclock.gsi = VMCLOCK, 91


def _info(chosen: Format, address: int, interrupt: int | None) -> Any:
    info = plain(struct_named(chosen, "MMIODeviceInfo"))
    info.addr, info.len = address, 0x1000
    set_interrupt(info, interrupt)
    return info


def set_interrupt(info: Any, interrupt: int | None) -> None:
    if hasattr(info, "irqs"):
        info.irqs = [] if interrupt is None else [interrupt]
    elif hasattr(info, "irq"):
        info.irq = interrupt
    else:
        info.gsi = interrupt


@cache
def struct_named(chosen: Format, name: str) -> Node:
    seen: set[Node] = set()
    left: list[Node] = [chosen.schema]
    while left:
        node = left.pop()
        if isinstance(node, StructNode) and node.cls.__name__ == name:
            return node
        if node not in seen:
            seen.add(node)
            left += inner_nodes(node)
    raise LookupError(name)


def _fill_legacy(chosen: Format, built: Built) -> None:
    clock, serial = _info(chosen, 0x4000_1000, 80), _info(chosen, 0x4000_2000, 81)
    platform = getattr(built.state.device_states, "mmio_platform_state", None)
    if platform is not None:
        platform.serial, platform.rtc = serial, clock
        return
    types = chosen.types()
    legacy = types["ConnectedLegacyState"]
    built.mmio.legacy_devices = [
        legacy(types["Serial"](), serial),
        legacy(types["Rtc"](), clock),
        legacy(types["BootTimer"](), _info(chosen, 0, None)),
    ]


def _fill_devices(built: Built) -> None:
    for bus in ("MMIO", "PCI"):
        devices = built.bus(bus)
        for index, kind in enumerate(KINDS):
            if devices is None or not hasattr(devices, kind.field):
                continue
            device = _device(built, bus, kind, index + 1)
            is_list = isinstance(getattr(devices, kind.field), list)
            setattr(devices, kind.field, [device] if is_list else device)


def _device(built: Built, bus: str, kind: Kind, number: int) -> Any:
    device = plain(_device_node(built, bus, kind))
    inner = device.device_state.frontend if kind is VSOCK else device.device_state
    _fill_virtio(built, inner.virtio_state, kind)
    if hasattr(device.device_state, "config_space") and hasattr(inner.config_space, "start"):
        place = number + (16 if bus == "PCI" else 0)
        inner.config_space.start, inner.config_space.size = place << 40, 0x20_0000
    if bus == "MMIO":
        device.device_info = _info(built.release, 0x4000_3000 + number * 0x1000, number)
    else:
        _fill_pci(built.release, device.transport_state, kind, number)
    return device


def _device_node(built: Built, bus: str, kind: Kind) -> Node:
    path = {
        "mmio_state": "mmio_state" if bus == "MMIO" else "pci_state",
        "virtio_state": "virtio_state",
    }
    devices = built.state.device_states
    steps = [step for name, step in path.items() if hasattr(devices, name)]
    node = inside(built.release.schema, "data", "device_states", *steps)
    if isinstance(node, UnionNode):
        node = node.variants[bus == "PCI"]
    return inside(node, kind.field)


def _fill_virtio(built: Built, virtio: Any, kind: Kind) -> None:
    if isinstance(virtio.device_type, int):
        virtio.device_type = kind.virtio_id
    else:
        virtio.device_type = type(virtio.device_type)(kind.type_name)
    node = struct_named(built.release, "QueueState")
    virtio.queues = [plain(node) for _ in range(_QUEUE_COUNTS.get(kind, 1))]
    for queue in virtio.queues:
        queue.max_size, queue.size, queue.ready = 256, 256, True
        queue.desc_table, queue.avail_ring, queue.used_ring = (
            RAM + 0x20_0000,
            RAM + 0x20_1000,
            RAM + 0x20_2000,
        )
    virtio.activated = True
    virtio.avail_features = virtio.acked_features = 2 if kind is MEM else 1 << 32


def _fill_pci(chosen: Format, transport: Any, kind: Kind, number: int) -> None:
    vectors = [96 + number * 8 + index for index in range(_QUEUE_COUNTS.get(kind, 1) + 1)]
    base = 0x40_0000_0000 + number * 0x8_0000
    configuration = transport.pci_configuration_state
    configuration.registers, configuration.writable_bits = [0] * 1024, [0] * 1024
    transport.cap_pci_cfg = bytes(18)
    transport.device_activated, transport.pci_dev_state.driver_status = True, 0xF
    transport.msix_state.pba_entries = [0]
    entry = plain(struct_named(chosen, "MsixTableEntry"))
    transport.msix_state.table_entries = [entry] * len(vectors)
    transport.msix_state.enabled = True
    if hasattr(configuration, "bars"):
        configuration.bars = [plain(struct_named(chosen, "PciBar"))] * 6
    if hasattr(transport, "msi_vector_group"):
        transport.msi_vector_group = vectors
        bar = transport.bar_configuration
        bar.addr, bar.size, bar.region_type = base, 0x8_0000, type(bar.region_type)(_BAR_TYPE)
    else:
        transport.msix_state.vectors = vectors
    if hasattr(transport, "bar_address"):
        transport.bar_address = base
    if hasattr(transport, "sbdf"):
        transport.sbdf._0 = number << 3
        low, high = transport.bars.bars[:2]
        low.encoded_addr, high.encoded_addr = base & 0xFFFF_FFFF | 0xC, base >> 32
