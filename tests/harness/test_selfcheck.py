"""What a guest's checks said, read from its console and its memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware
from emu.errors import FirmwareError
from firmware.layout import CheckArguments, CheckResults
from harness.guests import boot_guest
from harness.selfcheck import (
    Check,
    Outcome,
    SelfCheck,
    parse_console,
    read_selfcheck,
    run_selfcheck,
)

CONSOLE = """PASS SVC at EL1h: vector
FAIL DC ZVA: bytes that are zero: got 0000000000000020, expected 0000000000000040
SKIP LSE: no LSE
selfcheck: 1 passed, 1 failed, 1 skipped
"""

PASSED = Check(Outcome.PASSED, "SVC at EL1h: vector")
FAILED = Check(
    Outcome.FAILED, "DC ZVA: bytes that are zero", "got 0000000000000020, expected 0000000000000040"
)
SKIPPED = Check(Outcome.SKIPPED, "LSE", "no LSE")


def test_each_line_of_a_check_is_one() -> None:
    found = parse_console("guest", CONSOLE)
    assert found == SelfCheck("guest", (PASSED, FAILED, SKIPPED), finished=True)
    assert [str(check) for check in found.checks] == CONSOLE.splitlines()[:3]


def test_a_serial_console_of_another_emulator_is_read_as_well() -> None:
    console = "uboot says hello\n" + CONSOLE.replace("\n", "\r\n")
    assert parse_console("guest", console) == parse_console("guest", CONSOLE)


def test_failures_are_an_error_that_tells_all_of_them() -> None:
    with pytest.raises(FirmwareError, match=r"guest: 1 of 3 checks failed\nFAIL DC ZVA: .*0040$"):
        parse_console("guest", CONSOLE).require_success()


def test_a_guest_that_does_not_finish_is_an_error_that_tells_its_last_check() -> None:
    found = parse_console("guest", CONSOLE.partition("FAIL")[0])
    assert not found.finished
    with pytest.raises(FirmwareError, match="did not finish; its last check was: SVC at EL1h"):
        found.require_success()


def test_skipped_checks_are_no_failure() -> None:
    parse_console(
        "guest", "SKIP LSE: no LSE\nselfcheck: 0 passed, 0 failed, 1 skipped\n"
    ).require_success()


@given(lost=st.sampled_from(CONSOLE.splitlines(keepends=True)[:3]))
def test_a_line_that_is_lost_is_an_error(lost: str) -> None:
    with pytest.raises(FirmwareError, match="by its own count"):
        parse_console("guest", CONSOLE.replace(lost, ""))


@given(size=st.integers(0, len(CONSOLE) - 1))
def test_a_console_that_is_cut_off_is_never_a_success(size: int) -> None:
    with pytest.raises(FirmwareError):
        parse_console("guest", CONSOLE[:size]).require_success()


def test_memory_and_console_that_contradict_each_other_are_an_error() -> None:
    with boot_guest("smp") as machine:
        machine.run()
        assert read_selfcheck(machine, "smp").finished
        address = firmware.load("smp").symbols[CheckResults.SYMBOL]
        machine.ram.write(address, (1).to_bytes(8, "little"))  # passed
        with pytest.raises(FirmwareError, match="loses what is written"):
            read_selfcheck(machine, "smp")


def test_a_guest_that_takes_too_long_has_not_finished() -> None:
    found = run_selfcheck("smp", max_instructions=5_000)
    assert not found.finished
    assert found.checks


def test_arguments_reach_the_guest() -> None:
    """More iterations, more instructions, the same checks."""
    arguments = CheckArguments(iterations=200, vcpus=0)
    with boot_guest("atomics") as few, boot_guest("atomics", arguments=arguments) as many:
        few.run()
        many.run()
        assert many.instructions > few.instructions
        assert read_selfcheck(many, "atomics") == read_selfcheck(few, "atomics")
