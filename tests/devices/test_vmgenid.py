"""VMGenID: where it is, what it writes, when it interrupts."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.core.events import Event, EventStream, GenerationChanged
from emu.core.ports import Entropy
from emu.devices.vmgenid import VmGenId, VmGenIdState
from emu.errors import BoardError, MachineError
from tests.devices.fakes import GsiLine, StoppedClock, with_gsis


@dataclass
class Surroundings:
    """RAM, interrupt lines and events; `log` has what happened, in order."""

    log: list[str] = field(default_factory=list)
    heard: list[Event] = field(default_factory=list)
    written: dict[int, bytes] = field(default_factory=dict)
    events: EventStream = field(default_factory=lambda: EventStream(StoppedClock()))

    def line(self, gsi: int) -> GsiLine:
        return GsiLine(gsi, self.log)

    def read(self, address: int, size: int, /) -> bytes:
        return self.written[address][:size]

    def write(self, address: int, data: bytes, /) -> None:
        self.log.append(f"{len(data)} bytes at {address:#x}")
        self.written[address] = data

    def listen(self) -> None:
        self.events.subscribe(lambda stamped: self.heard.append(stamped.event))

    def new(self, entropy: Entropy) -> VmGenId:
        allocator = with_gsis(range(15, 16))
        return VmGenId.new(allocator, entropy=entropy, irqs=self.line, events=self.events)

    def restore(self, state: VmGenIdState, entropy: Entropy) -> VmGenId:
        return VmGenId.restore(state, entropy=entropy, irqs=self.line, events=self.events)


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


def counting() -> Entropy:
    """Entropy that gives another value each time."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "little")


def test_it_goes_where_firecracker_puts_it(around: Surroundings) -> None:
    """The lowest free GSI, and the last 16 bytes of the system memory."""
    device = around.new(bytes)
    assert (device.gsi, device.guest_address) == (15, 0x801F_FFF0)


def test_two_devices_of_one_allocator_do_not_share(around: Surroundings) -> None:
    allocator = with_gsis(range(4, 6))
    places = [
        VmGenId.new(allocator, entropy=bytes, irqs=around.line, events=around.events).save()
        for _ in range(2)
    ]
    assert places == [VmGenIdState(4, 0x801F_FFF0), VmGenIdState(5, 0x801F_FFE0)]


def test_without_a_free_gsi_there_is_no_device(around: Surroundings) -> None:
    allocator = with_gsis(range(0))
    with pytest.raises(BoardError, match="all GSIs of this board are taken"):
        VmGenId.new(allocator, entropy=bytes, irqs=around.line, events=around.events)


@given(drawn=st.binary(min_size=16, max_size=16), address=st.integers(0, 2**64 - 1))
def test_guest_memory_holds_the_bytes_as_drawn(drawn: bytes, address: int) -> None:
    around = Surroundings()
    device = around.restore(VmGenIdState(15, address), lambda _: drawn)
    device.activate(around)
    assert around.written == {address: drawn}
    assert device.gen_id == int.from_bytes(drawn, "little")


def test_making_a_device_touches_nothing(around: Surroundings) -> None:
    around.new(bytes)
    around.restore(VmGenIdState(15, 0), bytes)
    assert around.log == []


def test_a_new_generation_is_in_memory_before_the_one_pulse(around: Surroundings) -> None:
    device = around.restore(VmGenIdState(15, 0x801F_FFF0), bytes)
    device.activate(around)
    device.notify_guest()
    assert around.log == ["16 bytes at 0x801ffff0", "pulse of GSI 15"]


def test_activation_alone_does_not_interrupt(around: Surroundings) -> None:
    """A machine that boots has no older id to forget."""
    around.new(bytes).activate(around)
    assert around.log == ["16 bytes at 0x801ffff0"]


def test_activation_is_an_event_when_somebody_listens(around: Surroundings) -> None:
    device = around.new(counting())
    device.activate(around)
    around.listen()
    device.activate(around)
    assert around.heard == [GenerationChanged(0x801F_FFF0, 1)]


@given(st.builds(VmGenIdState, gsi=st.integers(0, 2**32 - 1), addr=st.integers(0, 2**64 - 1)))
def test_save_after_restore_is_the_identity(state: VmGenIdState) -> None:
    around = Surroundings()
    assert around.restore(state, bytes).save() == state


def test_the_id_is_fresh_after_each_restore(around: Surroundings) -> None:
    """It differs from the saved machine's, and between two machines of one snapshot."""
    entropy = counting()
    saved = around.new(entropy)
    clones = [around.restore(saved.save(), entropy) for _ in range(2)]
    assert len({saved.gen_id, *(clone.gen_id for clone in clones)}) == 3


@pytest.mark.parametrize("size", [0, 15, 17])
def test_entropy_of_another_size_is_refused(around: Surroundings, size: int) -> None:
    with pytest.raises(MachineError, match=f"gave {size} bytes where 16 were asked for"):
        around.restore(VmGenIdState(15, 0), lambda _: bytes(size))
