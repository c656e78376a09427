"""Linux on every board: what its shell answers is what the machine should give it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from emu.boards.board import UartKind
from tests.linux.boots.boot import Boot, path_of
from tests.linux.inputs import RELEASES, Inputs
from tests.linux.interrupts import counts_by_name
from tests.linux.run import UNIX_TIME_S
from tests.linux.session import TROUBLE
from tests.linux.system_session import DIGITS, NEW_GENERATION, PIECE_BYTES

_BOOT_MAX_S = 60
_UARTS = {UartKind.PL011: "uart-pl011", UartKind.NS16550: "ttyS0"}
"""What Linux calls their interrupts."""
_VMGENID_BY_DEVICE_TREE_SINCE = (6, 10)


def _release(boot: Boot) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", boot.answer("release"))
    assert found is not None
    return int(found[1]), int(found[2])


@pytest.fixture(scope="session")
def busybox(inputs: Inputs) -> bytes:
    return Path(path_of(inputs.busybox)).read_bytes()


def test_it_boots_to_a_shell_that_powers_off(boot: Boot) -> None:
    """All else here is of a session that was typed to its end."""
    assert boot.first.stop == "SYSTEM_OFF", boot.shown_last
    assert boot.answer("poweroff").endswith("reboot: Power down")


def test_two_runs_have_identical_traces(boot: Boot) -> None:
    """In processes of their own: instructions, console, every event, RAM and all other state."""
    assert boot.first.trace == boot.second.trace


def test_the_kernel_is_the_one_of_the_package(boot: Boot) -> None:
    if boot.configuration.kernel not in RELEASES:
        pytest.skip("the kernel was given by path")
    assert boot.answer("release") in boot.kernel_origin


def test_every_vcpu_is_online_with_the_features_of_its_model(boot: Boot) -> None:
    """PSCI's CPU_ON starts them all, and the ID registers promise LSE on `max` only."""
    features = re.findall(r"^Features\s*: (.*)$", boot.answer("cpuinfo"), re.MULTILINE)
    assert len(features) == boot.configuration.vcpus
    assert len(set(features)) == 1
    assert ("atomics" in features[0].split()) == (boot.configuration.cpu == "max")


def test_time_is_the_generic_timer(boot: Boot) -> None:
    assert boot.answer("clocksource") == "arch_sys_counter"


def test_the_wall_clock_is_the_host_s_where_there_is_a_real_time_clock(boot: Boot) -> None:
    """Linux sets its clock by a PL031, and counts from 1970 where there is none."""
    began_s = 0 if boot.board.rtc is None else UNIX_TIME_S
    assert began_s <= int(boot.answer("date")) < began_s + _BOOT_MAX_S


def test_children_are_forked_and_give_their_exit_status(boot: Boot) -> None:
    """Copy on write, ASIDs and the return from exceptions into many address spaces."""
    assert boot.answer("fork").splitlines() == [f"child {i}: {i}" for i in range(8)]


def test_a_pipe_of_six_processes_loses_and_adds_nothing(boot: Boot, busybox: bytes) -> None:
    digits = bytes(byte for byte in busybox if byte in b"0123456789")[:DIGITS]
    lines = digits.replace(b"5", b"\n").removesuffix(b"\n").split(b"\n")
    expected = b"".join(line + b"\n" for line in sorted(set(lines)))
    assert boot.answer("pipe") == f"{hashlib.md5(expected).hexdigest()}  -"


def test_a_file_of_the_initramfs_has_its_digest(boot: Boot, busybox: bytes) -> None:
    """The RAM disk is where and what it was; arithmetic, loads and stores do as they should."""
    assert boot.answer("md5sum") == f"{hashlib.md5(busybox).hexdigest()}  -"


def test_sleep_takes_its_time_and_little_more(boot: Boot) -> None:
    """Virtual time passes while every vCPU waits, and the timer interrupt comes at its deadline."""
    assert boot.answer("sleep") == ""
    assert 1 <= boot.first.seconds["sleep"] < 1.1


def test_work_that_is_pinned_runs_there_and_gives_the_same(boot: Boot, busybox: bytes) -> None:
    """One process for each CPU, all at once: cores, TLBs and address spaces don't mix."""
    digest = hashlib.md5(busybox[:PIECE_BYTES]).hexdigest()
    expected = [f"{cpu} {cpu} {digest} -" for cpu in range(boot.configuration.vcpus)]
    assert sorted(boot.answer("pinned").splitlines()) == expected


def test_pinned_threads_count_together(boot: Boot, inputs: Inputs) -> None:
    """LDXR and STXR of threads on different CPUs on one word: no count is lost. And futexes."""
    path_of(inputs.programs["threads"])
    vcpus = boot.configuration.vcpus
    assert boot.answer("threads") == f"at home {vcpus}, counted {5000 * vcpus}"


def test_a_cpu_is_unplugged_and_comes_back(boot: Boot) -> None:
    """PSCI's CPU_OFF, AFFINITY_INFO and CPU_ON once more."""
    if boot.configuration.vcpus == 1:
        pytest.skip("it needs two vCPUs")
    last = boot.configuration.vcpus - 1
    without = "0" if last == 1 else f"0,2-{last}"
    assert boot.answer("hotplug").splitlines() == [without, f"0-{last}"]


def test_interrupts_are_taken_on_every_cpu(boot: Boot) -> None:
    """The timer's PPI and the SGIs on all of them, the UART's SPI on whichever it is routed to."""
    counts = counts_by_name(boot.answer("interrupts"))
    vcpus = boot.configuration.vcpus
    assert len(counts["arch_timer"]) == vcpus
    assert all(counts["arch_timer"])
    assert sum(counts[_UARTS[boot.board.uart_kind]]) > 0
    assert counts["Err"] == [0]
    if vcpus > 1:
        assert all(counts["Rescheduling interrupts"])
        assert all(counts["Function call interrupts"])


def test_the_its_is_where_the_board_has_it_and_takes_its_tables(boot: Boot) -> None:
    its = boot.board.its(boot.configuration.vcpus)
    found = re.findall(r"ITS@(0x\w+): allocated \d+ Interrupt Collections", boot.first.console)
    assert [int(base, 16) for base in found] == ([] if its is None else [its.base])


def test_the_guest_reads_stolen_time_where_the_board_tells_it(boot: Boot) -> None:
    """It asks by PV_TIME_FEATURES and PV_TIME_ST, for each vCPU."""
    says_so = "arm-pv: using stolen time PV" in boot.first.console
    assert says_so is boot.board.has_stolen_time


def test_the_kernel_complains_of_nothing(boot: Boot) -> None:
    """No warning, bug, unhandled fault or stall: in its log, in its taint, on its console."""
    assert boot.answer("trouble") == ""
    assert boot.answer("tainted") == "0"
    assert re.findall(rf"^\[.*(?:{TROUBLE}).*$", boot.first.console, re.MULTILINE) == []


def test_vmgenid_is_found_and_a_new_generation_reseeds_the_crng(boot: Boot) -> None:
    """By the device tree's node, which Linux knows since 6.10; before, nobody listens."""
    counts = counts_by_name(boot.answer("interrupts"))
    if _release(boot) < _VMGENID_BY_DEVICE_TREE_SINCE:
        assert boot.answer("vmgenid") == ""
        assert boot.answer(NEW_GENERATION) == "0"
        assert "vmgenid" not in counts
    else:
        assert re.fullmatch(r"[0-9a-f]+\.vmgenid", boot.answer("vmgenid"))
        assert boot.answer(NEW_GENERATION) == "1"
        assert sum(counts["vmgenid"]) == 1
