"""Freeze a machine into a snapshot, and thaw a snapshot into a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from emu.boards.squib import SQUIB
from emu.boards.tree_content import SquibTree
from emu.core.clock import CYCLES_MAX
from emu.core.events import EventStream, Listener, PlanStepDone
from emu.core.ports import Entropy
from emu.core.ram import Ram
from emu.devices.network.link import Link
from emu.devices.virtio.disk import Disk
from emu.devices.virtio.vsock import Endpoint
from emu.errors import IncompatibleError, MachineError, SnapshotError
from emu.formats import squib
from emu.hypervisor import HvfVm
from emu.machine import DEFAULT_SCHEDULE, BootSource, Machine, Schedule, Stop
from emu.snapshot.backings import Backings
from emu.snapshot.plan import C, Plan, Step
from emu.snapshot.snapshot import Snapshot
from emu.snapshot.squib_restore import (
    RESTORE_PLAN,
    RESTORE_STEPS,
    RestoreContext,
    check_modelled,
    read_extra,
)
from emu.snapshot.squib_save import (
    SAVE_PLAN,
    SAVE_STEPS,
    STRICT_SAVE_PLAN,
    SaveContext,
    check_ram_size,
)
from emu.snapshot.squib_virtio import equip, saved_devices

SQUIB_DIALECT = "squib-0.2"
_NONE: Final[Mapping[Any, Any]] = MappingProxyType({})


def freeze(
    machine: Machine, to: str = SQUIB_DIALECT, *, plan: Plan | None = None, strict: bool = False
) -> Snapshot:
    """A snapshot of `machine`, which may go on afterwards.

    Freezing drops what no format carries (see `Machine.quiesce`).

    Args:
        machine: between two instructions.
        to: the dialect; `squib-0.2` is the one there is.
        plan: the steps, in place of the dialect's own.
        strict: leave out what the VMM's own schema has no place for.

    Raises:
        SnapshotError: there is no such dialect.
        PlanError: a step is unknown or takes other arguments.
        IncompatibleError: the machine is of another monitor's board, or has RAM of a size that the
            dialect can't say.
        MachineError: the guest has powered off or reset the system: nothing would go on.
    """
    _check_dialect(to)
    steps = SAVE_STEPS.bind(plan or (STRICT_SAVE_PLAN if strict else SAVE_PLAN))
    _check_board(machine)
    check_ram_size(machine.ram.size_bytes)
    _check_alive(machine)
    context = SaveContext(machine, HvfVm.attach(machine))
    _carry_out(SAVE_STEPS.kind, steps, context, machine.events)
    return Snapshot(to, context.snapshot(), context.memory)


def thaw(
    snapshot: Snapshot,
    *,
    entropy: Entropy,
    plan: Plan | None = None,
    host_clock: int | None = None,
    schedule: Schedule = DEFAULT_SCHEDULE,
    listener: Listener | None = None,
    drives: Mapping[str, Disk] = _NONE,
    links: Mapping[str, Link] = _NONE,
    endpoints: Mapping[int, Endpoint] = _NONE,
    virtio_latency_cycles: int = 0,
) -> Machine:
    """A fresh machine that goes on where the snapshot was taken.

    Args:
        snapshot: of a dialect known here.
        entropy: draws the new generation id: given n, n bytes.
        plan: the steps, in place of the dialect's own.
        host_clock: the host's clock now, in cycles (ticks of the system counter times the board's
            `cycles_per_tick`); by default what it was when the machine was frozen. squib saves no
            guest time: the guest's counter follows the host's.
        schedule: which vCPU runs when; no format says whose turn it was.
        listener: listens to the machine's events from before the first step.
        drives: disks by the id of their block device; by default the file that the snapshot names,
            under an overlay.
        links: links by the id of their network device; the others lead nowhere.
        endpoints: what the guest finds at ports of the host, by vsock.
        virtio_latency_cycles: how long after a notification virtio devices look at the queue.

    Raises:
        SnapshotError: the snapshot can't be restored here.
        PlanError: a step is unknown, takes other arguments, or comes too early.
        BackingError: what stands behind a device can't be used.
        MachineError: the machine can't be had.
    """
    _check_dialect(snapshot.dialect)
    steps = RESTORE_STEPS.bind(plan or RESTORE_PLAN)
    state = snapshot.state.data
    squib.FORMAT.verify(snapshot.state)
    check_modelled(state)
    snapshot.check_memory()
    saved = saved_devices(state)
    backings = Backings(drives=drives, links=links, endpoints=endpoints)
    configs, equipment = equip(SQUIB, saved, backings)
    machine = Machine(
        SQUIB,
        ram=_ram_of(snapshot),
        vcpu_count=len(state.vcpu_states),
        schedule=schedule,
        entropy=entropy,
        devices=configs,
        equipment=equipment,
        virtio_latency_cycles=virtio_latency_cycles,
        host_clock=_host_clock(state) if host_clock is None else _check_host_clock(host_clock),
    )
    machine.boot_source = BootSource(
        kernel_image_path=state.vm_info.kernel_image_path,
        initrd_path=state.vm_info.initrd_path,
        boot_args=state.vm_info.boot_args,
    )
    if listener is not None:
        machine.events.subscribe(listener)
    try:
        context = RestoreContext(machine, HvfVm(machine), state, entropy, saved)
        _carry_out(RESTORE_STEPS.kind, steps, context, machine.events)
        machine.drive_timer_lines()
    except BaseException:
        machine.close()
        raise
    return machine


def _check_dialect(dialect: str) -> None:
    if dialect != SQUIB_DIALECT:
        raise SnapshotError(f"no dialect is called {dialect!r}; known: {SQUIB_DIALECT}")


def _check_board(machine: Machine) -> None:
    if not isinstance(machine.board.tree, SquibTree):
        raise IncompatibleError(
            f"a machine of the board {machine.board.name} can't be frozen into {SQUIB_DIALECT}: "
            "its interrupts and devices are at other places; boot it on the board squib"
        )


def _check_host_clock(cycles: int) -> int:
    if not 0 <= cycles <= CYCLES_MAX:
        raise IncompatibleError(f"host_clock is {cycles} cycles; expected 0 to {CYCLES_MAX}")
    return cycles


def _check_alive(machine: Machine) -> None:
    ended = machine.run(0)  # executes nothing, and tells
    if ended in (Stop.SYSTEM_OFF, Stop.SYSTEM_RESET):
        raise MachineError(f"{ended.value}, so there is nothing to freeze: freeze it earlier")


def _carry_out(
    kind: str, steps: list[tuple[Step, Callable[[C], None]]], context: C, events: EventStream
) -> None:
    for step, function in steps:
        function(context)
        if events.active:
            events.emit(PlanStepDone(plan=kind, step=str(step)))


def _ram_of(snapshot: Snapshot) -> Ram:
    size_bytes = snapshot.ram_size_bytes
    if isinstance(snapshot.memory, bytes):
        return Ram(SQUIB.dram_base, size_bytes, contents=snapshot.memory)
    return Ram(SQUIB.dram_base, size_bytes, backing=snapshot.memory)


def _host_clock(state: squib.MicrovmState) -> int:
    extra = read_extra(state)
    if extra is None:
        raise IncompatibleError(
            "the state file does not say what the host's clock was, and squib's schema has no "
            "place for it: pass host_clock="
        )
    return extra.host_cycles
