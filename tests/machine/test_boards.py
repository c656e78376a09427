"""A machine of any board has what its device tree tells of, where it tells it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from emu import boards
from emu.arch.sysregs import BY_NAME
from emu.boards.board import Board
from emu.boards.equipment import Equipment
from emu.boards.places import Place, Window
from emu.core.fdt import Node, parse, read_cells64, read_strings
from emu.core.image import Image
from emu.core.ram import Ram
from emu.cpu import CORTEX_A72
from emu.devices.ns16550 import Ns16550
from emu.devices.pl011 import Pl011
from emu.errors import BoardError, IncompatibleError, MachineError
from emu.machine import Machine
from emu.snapshot import freeze
from tests import a64

Make = Callable[..., Machine]

LATEST = boards.get("firecracker")
MIB = 1 << 20
CODE = LATEST.kernel_base + 64
FIRECRACKER = [name for name in boards.BOARDS if name.startswith("firecracker-")]

each_board = pytest.mark.parametrize("board", boards.BOARDS.values(), ids=lambda b: b.name)


def image(*code: int) -> Image:
    """An arm64 Image of these instructions, to which its header branches."""
    body = struct.pack(f"<{len(code)}I", *code)
    header = struct.pack("<2I6Q4sI", 0x1400_0010, 0, 0, 0x1000, 0xA, 0, 0, 0, b"ARMd", 0)
    return Image.parse(header + body)


@pytest.fixture
def boot() -> Iterator[Make]:
    """Boots machines of 8 MiB, which are closed in the end."""
    machines: list[Machine] = []

    def boot(board: Board, *code: int, bootargs: str | None = "", **options: Any) -> Machine:
        ram = Ram(board.dram_base, 8 * MIB)
        machine = Machine(board, ram=ram, entropy=bytes, **options)
        machines.append(machine)
        machine.boot(image(*code, a64.B_SELF), entropy=bytes, bootargs=bootargs)
        return machine

    yield boot
    for machine in machines:
        machine.close()


def named(root: Node, prefix: str) -> Node:
    """The one child whose name begins so."""
    (node,) = (child for child in root.children if child.name.startswith(prefix))
    return node


def first_address(node: Node) -> int:
    return read_cells64(node.properties["reg"])[0]


# --- what the device tree tells is there ----------------------------------------------------------


@each_board
def test_a_character_to_the_uart_that_is_told_comes_out(boot: Make, board: Board) -> None:
    machine = boot(board, a64.STRB_W2_X1)
    root = parse(machine.device_tree())
    uart = named(root, "pl011@" if board.name == "squib" else "uart@")
    machine.vcpus[0].engine.x[1:3] = [first_address(uart), ord("x")]
    machine.run(2)
    assert machine.console == b"x"
    assert isinstance(machine.uart, Pl011 if board.name == "squib" else Ns16550)


@pytest.mark.parametrize("name", FIRECRACKER)
def test_the_clock_that_is_told_shows_the_hosts_wall_clock(boot: Make, name: str) -> None:
    """Which goes on with virtual time."""
    board = boards.get(name)
    machine = boot(board, a64.NOP, a64.LDR_W0_X1, unix_time_s=1_700_000_000)
    rtc = named(parse(machine.device_tree()), "rtc@")
    machine.vcpus[0].engine.x[1] = first_address(rtc)
    machine.run(1)
    machine.clock.advance(3 * board.cycles_per_s)
    machine.run(2)
    assert machine.vcpus[0].engine.x[0] == 1_700_000_003


def test_the_wall_clock_does_not_depend_on_the_hosts_counter(boot: Make) -> None:
    machine = boot(LATEST, a64.LDR_W0_X1, unix_time_s=5, host_clock=10**15)
    assert machine.equipment.rtc is not None
    machine.vcpus[0].engine.x[1] = machine.equipment.rtc.window.base
    machine.run(2)
    assert machine.vcpus[0].engine.x[0] == 5


@each_board
def test_vmgenid_is_where_it_is_told(boot: Make, board: Board) -> None:
    machine = boot(board)
    node = parse(machine.device_tree())["vmgenid"]
    assert machine.vmgenid is not None
    assert first_address(node) == machine.vmgenid.guest_address == 0x801F_FFF0


@pytest.mark.parametrize("name", FIRECRACKER)
def test_vmclock_is_where_it_is_told(boot: Make, name: str) -> None:
    """From v1.15, a page below VMGenID's, with the interrupt after VMGenID's."""
    machine = boot(boards.get(name))
    nodes = [n for n in parse(machine.device_tree()).children if n.name.startswith("ptp@")]
    if not machine.board.has_vmclock:
        assert (nodes, machine.vmclock) == ([], None)
        return
    assert machine.vmclock is not None
    assert machine.vmgenid is not None
    assert first_address(nodes[0]) == machine.vmclock.guest_address == 0x801F_E000
    assert machine.vmclock.gsi == machine.vmgenid.gsi + 1
    assert machine.ram.read(0x801F_E000, 4) == b"VCLK"


@pytest.mark.parametrize("name", FIRECRACKER)
def test_a_machine_keeps_what_it_was_given_of_its_board(boot: Make, name: str) -> None:
    """Stolen time is what comes last; the next to ask gets what is left."""
    machine = boot(boards.get(name))
    has_stolen_time = machine.board.has_stolen_time
    assert machine.stolen_time.address(0) == (0x801F_FF80 if has_stolen_time else None)
    clocks = [clock for clock in (machine.vmgenid, machine.vmclock) if clock is not None]
    assert machine.resources.gsis.allocate() == clocks[-1].gsi + 1
    following = machine.resources.system_memory.allocate_last(0x40, 0x40)
    assert following == (0x801F_FF40 if has_stolen_time else 0x801F_FF80)


@each_board
def test_the_guest_is_told_the_whole_command_line(boot: Make, board: Board) -> None:
    machine = boot(board, bootargs="quiet")
    told = read_strings(parse(machine.device_tree())["chosen"].properties["bootargs"])
    assert machine.equipment.uart is not None
    assert told == (board.command_line.compose("quiet", machine.equipment.uart.window.base),)
    assert machine.boot_source.boot_args == "quiet"


@each_board
def test_a_flat_program_gets_its_command_line_as_it_is(boot: Make, board: Board) -> None:
    """What a board adds is Linux's, and a test would take it for arguments of its own."""
    machine = boot(board)
    program = Image.parse(struct.pack("<16I", *[a64.NOP] * 16))
    machine.boot(program, entropy=bytes, bootargs=" setup  smp=1")
    told = read_strings(parse(machine.device_tree())["chosen"].properties["bootargs"])
    assert told == (" setup  smp=1",)
    assert machine.vcpus[0].engine.pc == 0x8028_0000


@pytest.mark.parametrize(
    ("name", "has_nopnp"),
    [("firecracker-1.11", True), ("firecracker-1.12", False), ("firecracker", False)],
)
def test_without_a_command_line_the_monitors_own_is_taken(
    boot: Make, name: str, has_nopnp: bool
) -> None:
    """Firecracker's has no console, so that it makes no UART (`DEFAULT_KERNEL_CMDLINE`)."""
    board = boards.get(name)
    machine = boot(board, bootargs=None, equipment=board.equip(has_console=False))
    (told,) = read_strings(parse(machine.device_tree())["chosen"].properties["bootargs"])
    assert told.startswith("reboot=k panic=1 ")
    assert "console=" not in told
    assert ("i8042.nopnp" in told) is has_nopnp
    assert machine.boot_source.boot_args is None


def test_the_rng_seed_is_drawn_from_the_entropy(boot: Make) -> None:
    ram = Ram(LATEST.dram_base, 8 * MIB)
    with Machine(LATEST, ram=ram, entropy=bytes) as machine:
        machine.boot(image(), entropy=lambda size: b"\x5a" * size)
        chosen = parse(machine.device_tree())["chosen"].properties
        assert chosen["rng-seed"] == b"\x5a" * 64


# --- what is not there --------------------------------------------------------------------------


def test_a_machine_without_a_console_says_nothing(boot: Make) -> None:
    machine = boot(LATEST, equipment=LATEST.equip(has_console=False))
    root = parse(machine.device_tree())
    assert machine.uart is None
    assert not [node for node in root.children if node.name.startswith("uart@")]
    assert "console=" not in read_strings(root["chosen"].properties["bootargs"])[0]
    with pytest.raises(MachineError, match="without a PL011"):
        _ = machine.pl011


def test_pmu_and_pointer_authentication_are_undefined_on_firecracker(boot: Make) -> None:
    """As on KVM, though the CPU model has both: EC 0 for each access."""
    for register in ("PMCCNTR_EL0", "APIAKeyLo_EL1"):
        machine = boot(LATEST, a64.mrs(0, register))
        machine.run(2)
        assert machine.vcpus[0].get_sysreg(BY_NAME["ESR_EL1"]) >> 26 == 0
        assert machine.vcpus[0].get_sysreg(BY_NAME["ELR_EL1"]) == CODE


def test_devices_that_overlap_are_refused() -> None:
    place = Place(Window(0x4000_1000, 0x1000), gsi=2)
    equipment = Equipment(uart=place, rtc=replace(place, gsi=3))
    with pytest.raises(BoardError, match=r"PL031 .* overlaps 16550"):
        Machine(LATEST, ram=Ram(LATEST.dram_base, 8 * MIB), entropy=bytes, equipment=equipment)


@pytest.mark.parametrize("name", FIRECRACKER)
def test_a_machine_of_another_board_is_not_frozen_for_squib(boot: Make, name: str) -> None:
    with pytest.raises(IncompatibleError, match=f"board {name} can't be frozen into squib-0.2"):
        freeze(boot(boards.get(name)))


def test_the_processor_can_be_chosen_on_any_board(boot: Make) -> None:
    machine = boot(LATEST, cpu_model=CORTEX_A72)
    cpu = parse(machine.device_tree())["cpus"]["cpu@0"]
    assert cpu["l2-0-cache"].properties["cache-size"] == (1 << 20).to_bytes(4)
