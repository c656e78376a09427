"""What the report says of a vCPU, as text."""

from __future__ import annotations

from collections.abc import Iterator

from emu.arch.layouts import CNT_CTL, PState
from emu.arch.syndromes import syndrome_text
from emu.arch.sysregs import BY_NAME
from emu.machine.postmortem import CodeWord, Frame, Postmortem, TimerReport, VcpuReport
from harness.disassembly import disassemble
from harness.report.events import place
from harness.symbols import Symbols

_REGISTERS_A_LINE = 4
_DECODED = ("SPSR_EL1", "SCTLR_EL1", "TCR_EL1")
_PLACES = ("ELR_EL1", "VBAR_EL1")
_SOURCES = {"pc": "PC", "x30": "X30, which may be stale", "frame": ""}


def vcpu_lines(vcpu: VcpuReport, found: Postmortem, symbols: Symbols) -> Iterator[str]:
    """Registers, code, backtrace, timers and CPU interface; little of one that is off."""
    if vcpu.power == "Off":
        yield f"vCPU {vcpu.index}: Off"
        return
    yield f"vCPU {vcpu.index}: {vcpu.power}{_condition(vcpu)}"
    yield f"  PC {place(vcpu.pc, symbols)}"
    yield f"  PSTATE {_pstate(vcpu.pstate)}"
    yield from _general(vcpu.x)
    for name, value in vcpu.sys_regs.items():
        yield f"  {name:<14} {_system(name, value, symbols)}"
    yield "  code:"
    yield from (_code(code, vcpu.pc, symbols) for code in vcpu.code)
    yield "  backtrace:"
    yield from (_frame(n, frame, symbols) for n, frame in enumerate(vcpu.backtrace))
    yield from (_timer(timer, found.cycles_per_s) for timer in vcpu.timers)
    icc = ", ".join(f"{name} {value:#x}" for name, value in vcpu.cpu_interface.items())
    yield f"  GIC CPU interface: {icc}"


def _condition(vcpu: VcpuReport) -> str:
    conditions = {
        "waits in a WFI": vcpu.waiting,
        "its IRQ input is high": vcpu.irq_asserted,
        "its FIQ input is high": vcpu.fiq_asserted,
    }
    return "".join([f", EL{vcpu.el}", *(f", {c}" for c, holds in conditions.items() if holds)])


def _pstate(value: int) -> str:
    """PSTATE as debuggers show it: a capital letter for a flag that is set, then masks, mode.

    >>> _pstate(0x600003C5)
    '0x600003c5 nZCv, masks DAIF, EL1h'
    """
    pstate = PState(value)
    flags = "".join(f if getattr(pstate, f) else f.lower() for f in "NZCV")
    masks = "".join(mask for mask in "DAIF" if getattr(pstate, mask)) or "nothing"
    others = [n for n in ("TCO", "DIT", "UAO", "PAN", "SS", "IL", "SSBS") if getattr(pstate, n)]
    return ", ".join(
        [f"{value:#x} {flags}", f"masks {masks}", dict(pstate.decoded())["M"], *others]
    )


def _general(x: tuple[int, ...]) -> Iterator[str]:
    cells = [f"{f'X{n}':>3} {value:016x}" for n, value in enumerate(x)]
    for start in range(0, len(cells), _REGISTERS_A_LINE):
        yield f"  {'  '.join(cells[start : start + _REGISTERS_A_LINE])}"


def _system(name: str, value: int, symbols: Symbols) -> str:
    if name == "ESR_EL1":
        return f"{value:#x} {syndrome_text(value)}"
    if name in _PLACES:
        return place(value, symbols)
    layout = BY_NAME[name].layout
    if name not in _DECODED or layout is None:
        return f"{value:#x}"
    if layout is PState:
        return _pstate(value)
    fields = " ".join(f"{field}={text}" for field, text in layout(value).decoded() if text != "0")
    return f"{value:#x} {fields}".rstrip()


def _code(code: CodeWord, pc: int, symbols: Symbols) -> str:
    mark = "=>" if code.address == pc else "  "
    if code.word is None:
        return f"   {mark} {place(code.address, symbols)}: can't be read"
    text = disassemble(code.address, code.word)
    return f"   {mark} {place(code.address, symbols)}: {code.word:08x} {text}"


def _frame(number: int, frame: Frame, symbols: Symbols) -> str:
    lookup = symbols.lookup if frame.source == "pc" else symbols.lookup_return
    name, source = lookup(frame.address), _SOURCES[frame.source]
    return f"   #{number} {frame.address:#x}{f' <{name}>' if name else ''}" + (
        f" ({source})" if source else ""
    )


def _timer(timer: TimerReport, cycles_per_s: int) -> str:
    ctl = dict(CNT_CTL(timer.ctl).decoded())
    shown = " ".join(f"{name}={value}" for name, value in ctl.items())
    text = (
        f"  timer {timer.name} (INTID {timer.intid}): {shown}, CVAL {timer.cval}, "
        f"count {timer.count}"
    )
    if timer.cycles_to_rise is None:
        return text
    milliseconds = timer.cycles_to_rise * 1000 / cycles_per_s
    return f"{text}, fires in {timer.cycles_to_rise} cycles ({milliseconds:.4f} ms)"
