"""Machines that run side by side, in lockstep, whatever their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

import pytest

from emu.devices.host import Host
from emu.devices.network.cable import Cable
from emu.devices.network.link import Link
from emu.devices.network.responder import Responder
from emu.errors import MachineError
from emu.machine import Machine, Stop
from emu.machine.together import run_together
from tests import a64
from tests.devices.network.test_responder import PING
from tests.devices.virtio.driver import Bench
from tests.devices.virtio.net_bench import NetBench

Make = Callable[..., Machine]

WAIT_FOR_EVER = (a64.WFI, a64.b(-1))
ROUTER = IPv4Address("172.16.0.1")
QUANTUM_CYCLES = 1000


class InMachine(Bench):
    """A bench in the RAM and the time of a machine, above what runs there."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.ram, self.clock = machine.ram, machine.clock
        self.host = Host(
            memory=machine.ram,
            clock=machine.clock,
            cycles_per_s=machine.board.cycles_per_s,
            deadlines=machine.deadlines,
            events=machine.events,
            entropy=bytes,
        )
        self._free = machine.board.kernel_base + (1 << 20)


class Pair:
    """Two machines, a cable between them, and a driver of a network device in each."""

    def __init__(self, make: Make, latency_cycles: int) -> None:
        self.cable = Cable()
        self.machines = [make(*WAIT_FOR_EVER) for _ in range(2)]
        self.nets = []
        for machine, end in zip(self.machines, self.cable.ends, strict=True):
            link = Link(end, latency_cycles=latency_cycles)
            self.nets.append(NetBench(bench=InMachine(machine), link=link))
            self.nets[-1].start()
            self.nets[-1].give(*[200] * 8)

    def run(self, order: Sequence[int] = (0, 1)) -> list[Stop]:
        """Run for a quantum."""
        machines = [self.machines[index] for index in order]
        return run_together(machines, [self.cable], quantum_cycles=QUANTUM_CYCLES, quanta=1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(("latency_cycles", "quanta"), [(0, 4), (600, 4), (1500, 8)])
def test_a_ping_goes_from_one_machine_to_the_other_and_back(
    make: Make, order: tuple[int, int], latency_cycles: int, quanta: int
) -> None:
    """In as many quanta in either order of the machines."""
    pair = Pair(make, latency_cycles)
    asks, answers = pair.nets
    guest = Responder(ROUTER)
    guest.connect(answers.bench.host, answers.send)
    asks.send(PING)
    replies: list[bytes] = []
    passed = 0
    while not replies:
        assert pair.run(order) == [Stop.TIME_LIMIT] * 2
        passed += 1
        assert passed < 10
        for frame in answers.received:
            assert frame == PING
            guest.receive(frame)
        replies = asks.received
    assert passed == quanta
    assert [reply[38:] for reply in replies] == [PING[38:]]
    assert [machine.clock.now() for machine in pair.machines] == [quanta * QUANTUM_CYCLES] * 2


def test_it_ends_when_all_machines_have_ended(make: Make) -> None:
    """One that has ended stands still while others go on."""
    pair = Pair(make, 0)
    first, second = pair.machines
    first.stop()
    assert pair.run() == [Stop.REQUESTED, Stop.TIME_LIMIT]
    for machine in pair.machines:
        machine.stop()
    stops = run_together(pair.machines, [], quantum_cycles=10, quanta=1_000_000)
    assert stops == [Stop.REQUESTED] * 2
    assert first.deadlines.next_cycles() == second.deadlines.next_cycles() is None


def test_a_quantum_is_of_some_cycles(make: Make) -> None:
    with pytest.raises(MachineError, match="a quantum is of 0 cycles"):
        run_together([make(*WAIT_FOR_EVER)], [], quantum_cycles=0, quanta=1)
