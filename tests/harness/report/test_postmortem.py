"""The report on a stopped machine says what a person needs, and as JSON what a program does."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from emu.core.events import ExceptionTaken, InterruptTaken, IrqPended, Stamped
from emu.machine.postmortem import Frame, InterruptReport, Postmortem, Recorder, examine
from harness.disassembly import disassemble
from harness.guests import boot_guest, guest_symbols
from harness.postmortem import postmortem
from harness.report.postmortem import postmortem_json, postmortem_lines
from harness.symbols import Symbols

SYMBOLS = guest_symbols("heartbeat")


@pytest.fixture(scope="module")
def found() -> Postmortem:
    """The guest in its timer interrupt's handler."""
    with boot_guest("heartbeat") as machine:
        recorder = Recorder()
        machine.events.subscribe(recorder)
        machine.run(1650)
        return examine(machine, "a test", recorder)


def text(found: Postmortem, symbols: Symbols = SYMBOLS) -> str:
    return "\n".join(postmortem_lines(found, symbols))


@pytest.mark.parametrize(
    "said",
    [
        r"^stopped: a test$",
        r"ms of virtual time \([\d,]+ cycles\), after 1,650 instructions$",
        r"^vCPU 0: On, EL1$",
        r"^  PSTATE 0x\w+ \w{4}, masks DAIF, EL1h$",
        r"^  ELR_EL1        0x\w+ <wait_for_last_tick\+0x\w+>$",
        r"^  SPSR_EL1       0x\w+ \w{4}, masks DAF, EL1h$",
        r"^  VBAR_EL1       0x80200800 <vectors>$",
        r"^  TCR_EL1        0x803019 EPD1=1 TG0=4KB SH0=3 T0SZ=0x19$",
        r"^   #1 0x\w+ <\w+\+0x\w+> \(X30, which may be stale\)$",
        r"^  timer CNTV \(INTID 27\): ISTATUS=\d IMASK=0 ENABLE=1, CVAL \d+, count \d+",
        r"^  timer CNTP \(INTID 30\): ISTATUS=0 IMASK=0 ENABLE=0, CVAL 0, count \d+$",
        r"ICC_RPR_EL1 0xa0",
        r"^GIC: GICD_CTLR 0x2, forwards group 1$",
        r"^    27 PPI to vCPU 0, group 1, priority 0xa0, level: enabled, active",
        r"^    47 SPI to vCPU 0, group 1, priority 0xc0, edge: enabled$",
        r"^ +\d+ vCPU 0: IRQ, return to 0x\w+ <wait_for_last_tick\+0x\w+>$",
        r"^ +\d+ IrqPended intid=0x1b vcpu=0$",
        r"^  \| psci: version 1.1$",
    ],
)
def test_the_report_says(said: str, found: Postmortem) -> None:
    assert re.search(said, text(found), re.M), text(found)


def test_a_timer_that_is_to_fire_is_told_with_the_time_that_is_left(found: Postmortem) -> None:
    timers = (replace(found.vcpus[0].timers[0], cycles_to_rise=96_000),)
    lines = text(replace(found, vcpus=(replace(found.vcpus[0], timers=timers),)))
    assert ", fires in 96000 cycles (1.0000 ms)" in lines


def test_the_instruction_at_the_pc_is_marked(found: Postmortem) -> None:
    [marked] = [line for line in text(found).splitlines() if "=>" in line]
    assert f"=> {found.vcpus[0].pc:#x} <" in marked


def test_without_names_there_are_addresses(found: Postmortem) -> None:
    assert "<" not in text(found, Symbols())
    assert "PC 0x8020" in text(found, Symbols())


def interrupt(**changes: Any) -> InterruptReport:
    report = InterruptReport(
        intid=5, vcpu=0, group=0, enabled=True, latch=True, line=False, active=False, edge=True,
        priority=0x40, target=0,
    )  # fmt: skip
    return replace(report, **changes)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            interrupt(),
            "5 SGI to vCPU 0, group 0, priority 0x40, edge: enabled, latch; pending, sig",
        ),
        (interrupt(obstacles=("a", "b")), "pending, kept back: a; b"),
        (interrupt(intid=40, vcpu=None, target=None, obstacles=("c",)), "40 SPI to nowhere"),
        (interrupt(intid=8192, vcpu=None), "8192 LPI to vCPU 0"),
        (interrupt(latch=False, line=True), "enabled, line high"),
        (interrupt(latch=False, line=True, edge=False), "level: enabled, line high; pending"),
    ],
)
def test_an_interrupt_is_told_with_what_keeps_it_back(
    report: InterruptReport, said: str, found: Postmortem
) -> None:
    assert said in text(replace(found, interrupts=(report,)))


def test_a_vcpu_that_is_off_has_no_registers_to_tell(found: Postmortem) -> None:
    off = replace(found.vcpus[0], power="Off", index=1)
    lines = text(replace(found, vcpus=(off,)))
    assert "vCPU 1: Off" in lines
    assert "X0" not in lines


def test_what_the_guest_printed_can_not_reach_the_terminal(found: Postmortem) -> None:
    """Escape sequences, and bytes that are no text."""
    lines = text(replace(found, console=b"\x1b[31mred\xff\nlast", reason="a\x1b\nb"))
    assert "\x1b" not in lines
    assert r"| \x1b[31mred" in lines
    assert "| last" in lines


def test_a_return_address_is_named_after_the_caller(found: Postmortem) -> None:
    symbols = Symbols({"caller": 0x1000, "next": 0x1010})
    vcpu = replace(found.vcpus[0], backtrace=(Frame(0x1010, "pc"), Frame(0x1010, "frame")))
    lines = text(replace(found, vcpus=(vcpu,)), symbols)
    assert "#0 0x1010 <next> (PC)" in lines
    assert "#1 0x1010 <caller+0x10>\n" in lines


def test_the_same_is_told_as_json(found: Postmortem) -> None:
    events = (Stamped(1 << 60, IrqPended(40, None)),)
    exceptions = (Stamped(1, ExceptionTaken(0, 1, 2)), Stamped(2, InterruptTaken(0, True, 3)))
    value = postmortem_json(replace(found, events=events, exceptions=exceptions), SYMBOLS)
    value = json.loads(json.dumps(value))
    vcpu = value["vcpus"][0]
    assert vcpu["x"] == [x if x <= 1 << 53 else hex(x) for x in found.vcpus[0].x]
    assert vcpu["symbol"] == SYMBOLS.lookup(found.vcpus[0].pc)
    link = found.vcpus[0].backtrace[1].address
    name = SYMBOLS.lookup_return(link)
    assert vcpu["backtrace"][1] == {"address": link, "source": "x30", "symbol": name}
    [code] = [code for code in vcpu["code"] if code["address"] == found.vcpus[0].pc]
    assert code["instruction"] == disassemble(code["address"], code["word"])
    assert vcpu["timers"][0]["intid"] == 27
    assert [report["intid"] for report in value["interrupts"]] == [27, 47]
    assert value["events"] == [
        {"time": hex(1 << 60), "event": "irq-pended", "intid": 40, "vcpu": None}
    ]
    assert [event["event"] for event in value["exceptions"]] == [
        "exception-taken",
        "interrupt-taken",
    ]
    assert value["console"].startswith("heartbeat\n")


def test_a_test_that_has_a_machine_can_have_a_report() -> None:
    with boot_guest("quiet") as machine:
        machine.run(100)
        assert "stopped: it was looked at" in postmortem(machine)
        assert "after 100 instructions" in postmortem(machine, "slow", recorder=Recorder())
