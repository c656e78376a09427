"""A device in its world, taken through actions, with all that can be seen of it written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from random import Random

from harness.properties.devices.actions import Action, Load, Outside, Store, Wait
from harness.properties.devices.subject import Device, DeviceUnderTest, Step
from harness.properties.devices.world import Notes


class Bench:
    """A device that was just made, in a new world.

    Args:
        dut: what it is.

    Attributes:
        dut: what it is.
        world: what is around it.
        device: the one that is there at the moment.
    """

    def __init__(self, dut: DeviceUnderTest) -> None:
        self.dut = dut
        self._number = 0
        self._memory: bytes | None = None
        self.world = dut.world()
        self.device: Device = dut.build(self.world)

    def perform(self, action: Action) -> int | None:
        """Do something; what was loaded, if it is a load."""
        self._number += 1
        self._memory = None
        self.world.begin(self._number)
        value = self._do(action)
        self.world.deadlines.run_due()
        return value

    @property
    def memory(self) -> bytes:
        """A copy of the guest's memory."""
        if self._memory is None:
            self._memory = self.world.ram.contents()
        return self._memory

    def step(self, action: Action) -> Step:
        """Do something, and write down what can be seen of it."""
        before, memory = self.device.capture(), self.memory
        self.world.take_notes()
        value = self.perform(action)
        return Step(
            action=action,
            value=value,
            notes=self.world.take_notes(),
            before=before,
            after=self.device.capture(),
            memory_before=memory,
            memory_after=self.memory,
            line_is_high=self.world.line.high,
        )

    def freeze(self) -> Notes:
        """Go on with a fresh device of the same state; what happened meanwhile, which is nothing
        for most.
        """
        state = self.device.capture()
        self._memory = None
        self.world.begin(0)
        self.world.forget_deadlines()
        self.device = self.dut.build(self.world)
        self.device.apply(state)
        return self.world.take_notes()

    def drive(self, random: Random, count: int) -> list[Step]:
        """The steps of a driver."""
        return [self.step(action) for action in islice(self.dut.drive(random, self.world), count)]

    def steps(self, actions: Iterable[Action]) -> list[Step]:
        """The steps of some actions."""
        return [self.step(action) for action in actions]

    def _do(self, action: Action) -> int | None:
        match action:
            case Load(offset, size):
                return self.device.window.read(offset, size)
            case Store(offset, value, size):
                self.device.window.write(offset, size, value & (1 << 8 * size) - 1)
            case Wait(cycles):
                self.world.wait(cycles)
            case Outside(name, argument):
                self.device.outside[name](argument)
            case address, data:
                self.world.ram.write(address, data)
        return None


def drawn(dut: DeviceUnderTest, seed: int, count: int) -> list[Action]:
    """What a driver does in a run that nothing interrupts."""
    return [step.action for step in Bench(dut).drive(Random(seed), count)]


def run(
    dut: DeviceUnderTest, actions: Iterable[Action], before: Callable[[int, Bench], None]
) -> list[Step]:
    """The steps of some actions on a device that was just made.

    Args:
        dut: the device.
        actions: what is done to it.
        before: called before each action, with its number from 0 on.
    """
    bench = Bench(dut)
    steps = []
    for number, action in enumerate(actions):
        before(number, bench)
        steps.append(bench.step(action))
    return steps
