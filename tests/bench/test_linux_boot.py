"""The benchmark of a Linux boot does what its rows say. Time is no test's business."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import firmware
from emu.core.events import IrqEnded, MmioAccess
from emu.machine import Machine
from tests.bench import booted, linux_boot
from tests.bench.account import CORE, SLICES, Account, accounted
from tests.bench.linux_boot import OURS, YARDSTICK, Boot, Told
from tests.bench.until import EndedTooEarlyError, Measured, run_until

MARK = "tick 2"


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """A guest of ours in place of a Linux."""
    path = tmp_path / "heartbeat"
    path.write_bytes(firmware.load("heartbeat").image)
    return path


def machine(kernel: Path) -> Machine:
    return booted.boot(booted.parse(["--kernel", str(kernel), "--mark", MARK]))


def test_a_program_is_measured_until_it_prints_the_mark() -> None:
    """It is killed there: this one has no end."""
    program = "print('so far', flush=True)\nwhile True: pass"
    measured = run_until([sys.executable, "-c", program], b"so far")
    assert measured.output.strip() == b"so far"
    assert measured.cpu_s > 0
    assert measured.wall_s > 0


def test_a_program_that_ends_without_the_mark_is_no_result() -> None:
    with pytest.raises(EndedTooEarlyError, match=r"before it printed b'so far'.*: oops"):
        run_until([sys.executable, "-c", "import sys; sys.exit('oops')"], b"so far")


@pytest.mark.parametrize("model", ["cortex-a72", "max"])
def test_our_process_tells_how_many_instructions_it_took(kernel: Path, model: str) -> None:
    command = Boot(kernel=kernel, mark=MARK).library("squib", model)
    told = Told.by(run_until(command, MARK.encode()))
    with machine(kernel) as expected:
        booted.run_to_mark(expected, MARK.encode())
        assert (told.instructions, told.rows) == (expected.instructions, ())


def test_the_command_line_boots_the_same_to_the_mark(kernel: Path) -> None:
    command = Boot(kernel=kernel, mark=MARK).command_line("squib", "max")
    assert b"heartbeat" in run_until(command, MARK.encode()).output


def test_an_account_counts_what_happened_and_changes_nothing(kernel: Path) -> None:
    events = []
    with machine(kernel) as listened:
        listened.events.subscribe(lambda stamped: events.append(stamped.event))
        booted.run_to_mark(listened, MARK.encode())
        expected = listened.state()
    with accounted() as account, machine(kernel) as counted:
        booted.run_to_mark(counted, MARK.encode())
        assert counted.state() == expected
    loads = [event for event in events if isinstance(event, MmioAccess) and not event.is_write]
    for window in {event.window for event in loads}:
        count = sum(event.window == window for event in loads)
        assert account.entries[f"load from {window}"].count == count
    ended = sum(isinstance(event, IrqEnded) for event in events)
    assert account.entries["MSR ICC_EOIR1_EL1"].count == ended > 0


def test_outside_its_context_nothing_is_counted(kernel: Path) -> None:
    with accounted() as account:
        pass
    with machine(kernel) as uncounted:
        booted.run_to_mark(uncounted, MARK.encode())
    assert account.rows() == []


def test_an_account_shares_out_the_whole_run() -> None:
    """No second is lost, and none is in two rows."""
    account = Account()
    account.timed(CORE, int)()
    account.timed("MRS", int)()
    account.entries[CORE].seconds, account.entries["MRS"].seconds = 5.0, 2.0
    account.settle(6.5)
    shares = {name: (entry.count, entry.seconds) for name, entry in account.rows()}
    assert shares == {CORE: (1, 3.0), "MRS": (1, 2.0), SLICES: (1, 1.5)}


def test_qemu_is_the_one_that_is_asked_for() -> None:
    command = " ".join(Boot(kernel=Path("Image"), initrd=Path("initrd")).qemu("cortex-a72"))
    assert "qemu-system-aarch64 -M virt -cpu cortex-a72 -icount shift=0,sleep=off" in command
    assert "-kernel Image" in command
    assert "-initrd initrd" in command


def test_all_contestants_have_the_drive(kernel: Path, tmp_path: Path) -> None:
    drive = tmp_path / "file"
    drive.write_bytes(bytes(1 << 20))
    contest = Boot(kernel=kernel, drive=drive, mark=MARK)
    library = contest.library("squib", "max")
    with booted.boot(booted.parse(library[3:])) as machine:
        assert machine.virtio["drive"].device.config_space[:8] == (2048).to_bytes(8, "little")
    for command in (library, contest.command_line("squib", "max")):
        assert b"heartbeat" in run_until(command, MARK.encode()).output
    qemu = " ".join(contest.qemu("max"))
    assert "virtio-mmio.force-legacy=false" in qemu
    assert f"snapshot=on,file={drive} -device virtio-blk-device" in qemu


def test_every_row_has_its_medians() -> None:
    def runs(*cpu_s: float) -> list[Measured]:
        output = b'{"instructions": 30000000, "rows": []}\n'
        return [Measured(seconds, 2 * seconds, output) for seconds in cpu_s]

    results = {YARDSTICK: runs(9, 1, 2), **{name: runs(5, 3, 4) for name in OURS}}
    console = Console(width=120, file=StringIO(), record=True)
    console.print(linux_boot.times_table(results))
    lines = console.export_text().splitlines()
    for name, cells in {
        YARDSTICK: ["2.00", "1.00", "4.00", "1.00"],
        "thawbench max on firecracker": ["4.00", "3.00", "8.00", "2.00", "30", "8"],
    }.items():
        [line] = [line for line in lines if line.strip().startswith(name)]
        assert line.split(name)[1].split() == cells


def test_short_rows_of_an_account_are_added_up() -> None:
    rows = tuple((f"thing {i}", 10, 1.0) for i in range(20))
    console = Console(width=120, file=StringIO(), record=True)
    console.print(linux_boot.account_table("name", Told(1, rows)))
    last = console.export_text().splitlines()[-1]
    assert last.split() == ["all", "else", "80", "8.000", "100000.0", "40.0%"]
