"""Properties of VMGenID: every restore is noticed, once, and no two are alike."""

from __future__ import annotations

from collections import Counter

from emu.arch.gicv3 import SPI_FIRST
from emu.core.events import GenerationChanged, IrqAcknowledged, IrqEnded, IrqPended, Stamped
from emu.devices.vmgenid import GENERATION_ID_SIZE_BYTES, VmGenId
from emu.machine import Machine, Stop
from emu.snapshot import RESTORE_PLAN, Plan, Snapshot, thaw
from harness.entropy import SeededEntropy
from harness.properties.bisimulation import record_thawed
from harness.properties.violation import PropertyViolation, expect
from harness.trace import INSTRUCTIONS_MAX, Trace


def check_fresh(
    snapshot: Snapshot,
    *,
    plan: Plan = RESTORE_PLAN,
    seeds: tuple[bytes, bytes] = (b"clone 0", b"clone 1"),
) -> None:
    """FRESH: before its first instruction each clone has an id in memory that no other one has."""
    ids = [_saved_id(snapshot)]
    for seed in seeds:
        with thaw(snapshot, entropy=SeededEntropy(seed), plan=plan) as clone:
            ids.append(_id_in_memory(clone, _device(clone)))
    expect(
        "FRESH: a restore puts a new generation id in memory",
        len(set(ids)) == len(ids),
        "saved, first clone, second clone: " + ", ".join(f"{value:#034x}" for value in ids),
    )


def check_order(snapshot: Snapshot, *, plan: Plan = RESTORE_PLAN, seed: bytes = b"order") -> None:
    """ORDER: the new id is in memory before its interrupt pends, and that before the guest runs.

    An interrupt that was pending when frozen may stand for the new one: an edge has no number.
    """
    happened: list[Stamped] = []
    entropy = SeededEntropy(seed)
    with thaw(snapshot, entropy=entropy, plan=plan, listener=happened.append) as machine:
        intid = _intid(machine)
        pending = machine.gic.interrupts(None).pending >> (intid - SPI_FIRST) & 1
    kinds = {GenerationChanged: "id written", IrqPended: "interrupt pended"}
    told = [
        kinds[type(stamped.event)]
        for stamped in happened
        if isinstance(stamped.event, GenerationChanged) or stamped.event == IrqPended(intid, None)
    ]
    expect(
        f"ORDER: the new id is written, then VMGenID's interrupt (INTID {intid}) pends",
        bool(pending) and told in (["id written"], ["id written", "interrupt pended"]),
        f"{', '.join(told) or 'nothing happened'}; at the end the interrupt is "
        f"{'' if pending else 'not '}pending",
    )


def check_delivered_once(
    snapshot: Snapshot, *, plan: Plan = RESTORE_PLAN, seed: bytes = b"delivered"
) -> Trace:
    """The VMGenID interrupt of a restore reaches the guest exactly once, however long it is masked.

    The guest, which must end by itself, acknowledges the interrupt once and ends it; an interrupt
    that it was handling already when it was frozen is ended besides. The trace of the run is
    returned for further checks.
    """
    happened: list[Stamped] = []
    entropy = SeededEntropy(seed)
    with thaw(snapshot, entropy=entropy, plan=plan, listener=happened.append) as machine:
        intid = _intid(machine)
        handling = machine.gic.interrupts(None).active >> (intid - SPI_FIRST) & 1
        rule = f"VMGenID's interrupt (INTID {intid}) is delivered exactly once"
        trace = record_thawed(rule, machine, INSTRUCTIONS_MAX)
    expect(rule, trace.stop is Stop.SYSTEM_OFF, f"the guest did not end: {trace.stop.value}")
    counts = Counter(type(s.event) for s in happened if getattr(s.event, "intid", None) == intid)
    seen = f"acknowledged {counts[IrqAcknowledged]} times, ended {counts[IrqEnded]} times"
    expect(rule, counts[IrqAcknowledged] == 1, seen)
    expect(rule, counts[IrqEnded] == 1 + handling, f"{seen}; being handled before: {handling}")
    return trace


def _intid(machine: Machine) -> int:
    return machine.board.intid(_device(machine).gsi)


def _device(machine: Machine) -> VmGenId:
    if machine.vmgenid is None:
        raise PropertyViolation("the thawed machine has no VMGenID: nothing tells the guest")
    return machine.vmgenid


def _id_in_memory(machine: Machine, device: VmGenId) -> int:
    data = machine.ram.read(device.guest_address, GENERATION_ID_SIZE_BYTES)
    return int.from_bytes(data, "little")


def _saved_id(snapshot: Snapshot) -> int:
    """The id in the snapshot's memory, found by thawing it without writing a new one."""
    plan = RESTORE_PLAN.without("write-generation-id", "notify-generation-id")
    with thaw(snapshot, entropy=SeededEntropy(b""), plan=plan) as machine:
        return _id_in_memory(machine, _device(machine))
