"""v1.10 and v1.11: places of KVM's capabilities, of regions in the memory file, of interrupts.

Source: Firecracker v1.10.1 and v1.11.0, below `src/vmm/src`: `persist.rs`, `vstate/memory.rs`,
`device_manager/mmio.rs`, `mmds/ns.rs`.
"""

from __future__ import annotations

from typing import Final

from emu.inspect.convert.rules import Rule, Step, added, moved, reverse, structs
from emu.inspect.convert.tree import Fields, Leaf, items, planted
from emu.inspect.convert.work import Work, find, leaf, put, take


def _regions(work: Work) -> list[Fields]:
    found = items(find(work.data, "memory_state.regions"))
    return [region for region in found if isinstance(region, Fields)]


def _drop_offsets(work: Work) -> None:
    expected = 0
    for region in _regions(work):
        offset = take(region, "offset")
        if isinstance(offset, Leaf) and offset.value != expected:
            work.lose(
                offset,
                f"the region is read from byte {expected} of the memory file: write the regions "
                "there one after the other",
                f"{work.release} keeps the regions in the order of the state, with no gaps",
            )
        expected += leaf(region, "size").value


def _count_offsets(work: Work) -> None:
    offset = 0
    for region in _regions(work):
        why = "the regions follow each other in the memory file"
        put(region, "offset", work.add(planted(offset), why))
        offset += leaf(region, "size").value


def _one_interrupt(work: Work) -> None:
    for info in structs(work.data, "irqs"):
        irqs = take(info, "irqs")
        assert isinstance(irqs, Leaf)
        if len(irqs.value) > 1:
            work.lose(
                Leaf(irqs.value[1:], irqs.origin),
                "they were never raised",
                f"in {work.release} a device has one interrupt",
            )
        irqs.value = irqs.value[0] if irqs.value else None
        put(info, "irq", irqs)


def _list_interrupts(work: Work) -> None:
    for info in structs(work.data, "irq"):
        irq = take(info, "irq")
        assert isinstance(irq, Leaf)
        irq.value = [] if irq.value is None else [irq.value]
        put(info, "irqs", irq)


def _limit(name: str, value: int, what: str) -> Rule:
    effect = f"a guest that has more {what} open than {value} may see some reset"
    return reverse(
        added(name, value, "the number that v1.11 has built in", effect, beside="tcp_port")
    )


def drop_interrupt_0(work: Work) -> None:
    """GSI 0 can't be told in v1.11 and v1.12, whose field is a `NonZeroU32`.

    They hand out GSIs from 32 on; from v1.13 on, it is that of the first device.
    """
    for device in structs(work.data, "device_info"):
        irq = find(device, "device_info.irq")
        if not isinstance(irq, Leaf) or irq.value != 0:
            continue
        if _is_clock(device):
            work.lose(irq, "nothing: the clock never raises it", _no_gsi_0(work))
            irq.value = None
        else:
            work.lose(
                device,
                "the guest has the device no more, and its accesses to it lead to nothing",
                _no_gsi_0(work),
            )
            _remove(work.data, device)


def _no_gsi_0(work: Work) -> str:
    return f"{work.release} can't have an interrupt of GSI 0"


def _is_clock(device: Fields) -> bool:
    kind = device.fields.get("type_")
    return isinstance(kind, Fields) and kind.variant == "Rtc"


def _remove(data: Fields, device: Fields) -> None:
    devices = find(data, "device_states")
    assert isinstance(devices, Fields)
    for name, held in devices.fields.items():
        if held is device:
            devices.fields[name] = Leaf(None, device.origin)
        elif any(item is device for item in items(held)):
            items(held).remove(device)


STEP: Final[Step] = (
    moved("vm_state.kvm_cap_modifiers", "kvm_state.kvm_cap_modifiers"),
    Rule(
        "`offset` of memory regions",
        "left out: it is the size of the regions before; lost if it is not",
        "added: the size of the regions before",
        _drop_offsets,
        _count_offsets,
    ),
    Rule(
        "`irqs` of devices",
        "kept as `irq`, if there is one; lost if there are several",
        "kept",
        _one_interrupt,
        _list_interrupts,
    ),
    _limit("max_connections", 30, "connections"),
    _limit("max_pending_resets", 100, "resets"),
)
