"""What else a board has, under test: its clock, its boot timer, and what tells of a restore."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from emu.arch.pl031 import IDENTIFICATION, PL031
from emu.arch.vmclock import AT_BOOT, VMCLOCK_ABI, VMCLOCK_ABI_SIZE_BYTES, pack
from emu.core.ports import IrqLine
from emu.devices.boot_timer import BOOTED, BootTimer
from emu.devices.pl031 import Pl031, Pl031State
from emu.devices.vmclock import VmClock, VmClockState
from emu.devices.vmgenid import GENERATION_ID_SIZE_BYTES, VmGenId, VmGenIdState
from harness.properties.devices.actions import Action, Load, Outside, Store, Wait
from harness.properties.devices.subject import Device, DeviceUnderTest, Step
from harness.properties.devices.world import CYCLES_PER_S, RAM_BASE, World

GSI: Final = 33
NOW_S: Final = 1_790_000_000
"""What the host's wall clock says when virtual time begins: in 2026."""


def _no_interrupts(step: Step) -> Iterator[str]:
    if step.notes.interrupts:
        yield f"{step.notes.interrupts}, and it has no interrupt"


# --- PL031 ---------------------------------------------------------------------------------------


def _build_pl031(world: World) -> Device:
    rtc = Pl031(lambda: NOW_S + world.clock.now() // CYCLES_PER_S)
    return Device(window=rtc, capture=rtc.state, apply=rtc.load_state)


def _drive_pl031(random: Random, _world: World) -> Iterator[Action]:
    yield Store(PL031["CR"], 1)
    yield Load(PL031["DR"])
    while True:
        name = random.choice(sorted(PL031.by_name))
        value = random.choice([1, NOW_S, random.getrandbits(32)])
        actions: list[Action] = [Load(PL031[name]), Load(PL031["DR"]), Store(PL031[name], value)]
        yield random.choice([*actions, Wait(400_000)])


def _tells_time(steps: list[Step]) -> bool:
    """Once its driver has set it to the host's time, it shows that."""
    now_s = steps[1].value
    return now_s is not None and NOW_S <= now_s < NOW_S + 100_000


_PL031: Final = DeviceUnderTest(
    name="PL031",
    build=_build_pl031,
    reset_state=Pl031State(),
    reset_reads={
        (PL031["DR"], 4): NOW_S,
        (PL031["MR"], 4): 0,
        (PL031["LR"], 4): 0,
        (PL031["CR"], 4): 1,
        (PL031["IMSC"], 4): 0,
        (PL031["RIS"], 4): 0,
        (PL031["MIS"], 4): 0,
        **{(PL031["ID"] + 4 * n, 4): value for n, value in enumerate(IDENTIFICATION)},
    },
    drive=_drive_pl031,
    interrupt_faults=_no_interrupts,
    is_alive=_tells_time,
    offsets=tuple(slot.offset for slot in PL031.slots),
)

# --- boot timer ----------------------------------------------------------------------------------


def _build_boot_timer(world: World) -> Device:
    return Device(window=BootTimer(world.events), capture=lambda: None, apply=lambda _state: None)


def _drive_boot_timer(random: Random, _world: World) -> Iterator[Action]:
    yield Store(0, BOOTED, 1)
    while True:
        offset, size = random.choice([(0, 1), (0, 4), (8, 1)])
        value = random.choice([BOOTED, 0])
        actions: list[Action] = [Load(offset, size), Store(offset, value, size), Wait(5)]
        yield random.choice(actions)


_BOOT_TIMER: Final = DeviceUnderTest(
    name="boot timer",
    build=_build_boot_timer,
    reset_state=None,
    reset_reads={(0, 1): 0},
    drive=_drive_boot_timer,
    interrupt_faults=_no_interrupts,
    is_alive=lambda steps: len(steps[0].notes.events) == 1,
)

# --- VMGenID and VMClock -------------------------------------------------------------------------


class _Memory:
    """The guest's memory at a device, as if it were registers."""

    def __init__(self, world: World) -> None:
        self._ram = world.ram

    def read(self, offset: int, size: int, /) -> int:
        return int.from_bytes(self._ram.read(RAM_BASE + offset, size), "little")

    def write(self, offset: int, size: int, value: int, /) -> None:
        self._ram.write(RAM_BASE + offset, value.to_bytes(size, "little"))


class _Restored:
    """A device that is saved and restored whole: each freeze makes another.

    Args:
        make: makes it from a state.
        state: the first one.
    """

    def __init__(self, make: Callable[[Any], Any], state: Any) -> None:
        self._make = make
        self.device = make(state)

    def save(self) -> Any:
        """Its state."""
        return self.device.save()

    def apply(self, state: Any) -> None:
        """Be another one, of that state."""
        self.device = self._make(state)


def _irqs(world: World) -> Callable[[int], IrqLine]:
    return lambda _gsi: world.line


def _restorable(
    world: World, make: Callable[[Any], Any], state: Any, tell: Callable[[Any], None]
) -> Device:
    held = _Restored(make, state)

    def restore(_argument: Any) -> None:
        held.apply(held.save())
        tell(held.device)
        held.device.notify_guest()

    return Device(
        window=_Memory(world),
        capture=held.save,
        apply=held.apply,
        outside={"restore": restore},
    )


def _build_vmgenid(world: World) -> Device:
    def make(state: VmGenIdState) -> VmGenId:
        entropy = world.entropy
        return VmGenId.restore(state, entropy=entropy, irqs=_irqs(world), events=world.events)

    return _restorable(world, make, _VMGENID_STATE, lambda device: device.activate(world.ram))


def _build_vmclock(world: World) -> Device:
    def make(state: VmClockState) -> VmClock:
        return VmClock.restore(state, irqs=_irqs(world), events=world.events)

    def tell(device: VmClock) -> None:
        device.activate(world.ram)
        device.disrupt(world.ram)

    return _restorable(world, make, _VMCLOCK_STATE, tell)


def _drive_memory(random: Random, _world: World) -> Iterator[Action]:
    """The guest looks at the memory, writes over it, and the machine is restored."""
    yield Outside("restore")
    while True:
        offset = 4 * random.randrange(VMCLOCK_ABI_SIZE_BYTES // 4)
        actions: list[Action] = [Load(offset), Store(offset, random.getrandbits(32)), Wait(7)]
        yield random.choice([*actions, Outside("restore")])


def _one_for_each_restore(step: Step) -> Iterator[str]:
    """One pulse, and memory is other than it was when it comes: a guest reads it then."""
    is_restore = isinstance(step.action, Outside)
    if step.notes.interrupts != ["pulse"] * is_restore:
        yield f"{step.notes.interrupts}; expected {int(is_restore)} pulses"
    if is_restore and step.memory_before == step.memory_after:
        yield "the guest is told of a restore, and memory is as it was"


def _tells_of_a_restore(steps: list[Step]) -> bool:
    return len(steps[0].notes.events) == 1 and steps[0].notes.interrupts == ["pulse"]


_VMGENID_STATE: Final = VmGenIdState(gsi=GSI, addr=RAM_BASE)
_VMCLOCK_STATE: Final = VmClockState(RAM_BASE, GSI, pack(AT_BOOT))

_VMGENID: Final = DeviceUnderTest(
    name="VMGenID",
    build=_build_vmgenid,
    reset_state=_VMGENID_STATE,
    reset_reads={(offset, 4): 0 for offset in range(0, GENERATION_ID_SIZE_BYTES, 4)},
    drive=_drive_memory,
    interrupt_faults=_one_for_each_restore,
    is_alive=_tells_of_a_restore,
)
_VMCLOCK: Final = DeviceUnderTest(
    name="VMClock",
    build=_build_vmclock,
    reset_state=_VMCLOCK_STATE,
    reset_reads={(VMCLOCK_ABI["seq_count"], 4): 0},
    drive=_drive_memory,
    interrupt_faults=_one_for_each_restore,
    is_alive=_tells_of_a_restore,
    offsets=tuple(slot.offset for slot in VMCLOCK_ABI.slots),
)

BOARD_DEVICES: Final = (_PL031, _BOOT_TIMER, _VMGENID, _VMCLOCK)
