"""Where Unicorn's internal structures keep what the engine touches, found by experiment.

Struct offsets differ between platforms (a libc-sized `jmp_env` precedes some fields), so no table
of numbers would serve all of them. Each offset is found by making one thing happen and looking for
its trace inside a structure whose address and least size are known: `uc_struct`, and `ARMCPU`
with the `CPUARMState` (`env`) inside it. An experiment whose trace is not unique fails, and then
the engine refuses to start.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, ClassVar, Final

from unicorn import UC_ARCH_ARM64, UC_HOOK_INTR, UC_MODE_ARM, UC_PROT_ALL, Uc
from unicorn.arm64_const import (
    UC_ARM64_REG_CP_REG,
    UC_ARM64_REG_PC,
    UC_ARM64_REG_X0,
    UC_ARM64_REG_X3,
    UC_CPU_ARM64_A72,
    UC_CPU_ARM64_MAX,
)
from unicorn.unicorn_const import UC_TLB_CPU

from emu.cpu.engine import library
from emu.errors import EngineError

UC_STRUCT_SCANNED_BYTES = 0x1000
ARMCPU_SCANNED_BYTES = 0xB000
ENV_SCANNED_BYTES = 0x3000
ISAR_SCANNED_BYTES = 0x3300
"""All inside the structures of 2.1.4 on every platform: uc_struct has 0x2df4 bytes or more, and
ARMCPU, which contains env, 0xd6d0 (docs/engine.md). `isar` lies in ARMCPU, and is looked for from
env on."""

ISA_REGISTERS: Final = {
    "ID_AA64ISAR0_EL1": (3, 0, 0, 6, 0),
    "ID_AA64ISAR1_EL1": (3, 0, 0, 6, 1),
    "ID_AA64PFR0_EL1": (3, 0, 0, 4, 0),
    "ID_AA64PFR1_EL1": (3, 0, 0, 4, 1),
    "ID_AA64MMFR0_EL1": (3, 0, 0, 7, 0),
    "ID_AA64MMFR1_EL1": (3, 0, 0, 7, 1),
    "ID_AA64MMFR2_EL1": (3, 0, 0, 7, 2),
    "ID_AA64DFR0_EL1": (3, 0, 0, 5, 0),
    "ID_AA64DFR1_EL1": (3, 0, 0, 5, 1),
}
"""The AArch64 words of struct ARMISARegisters in their order (`qemu/target/arm/cpu.h` of Unicorn
2.1.4): the core decodes an instruction, or does not, by what these hold."""

CPU_INTERRUPT_HARD = 0x2
CPU_INTERRUPT_FIQ = 0x10
"""The IRQ and the FIQ input, as bits of `CPUState.interrupt_request` (include/exec/cpu-all.h, and
CPU_INTERRUPT_TGT_EXT_1 in target/arm/cpu.h)."""

UNASSIGNED_CPU_INDEX = -1
"""The index that `qemu_get_cpu` finds Unicorn's only CPU by."""

_GENERATED_CODE_BYTES = 256 << 20
"""Room for generated code, which is begun anew when it is full (a boot of Debian takes 50 MB). With
Unicorn's 1 GiB it soon lies more than 2 GiB away from what it calls, and each call is longer."""
_CODE = 0x4000_0000
_PAGE_BYTES = 0x1000
_INSN_NOP = 0xD503201F
_INSN_WFI = 0xD503207F
_INSN_SVC_0X2B5 = 0xD40056A1
_INSN_HVC_0X2B5 = 0xD40056A2
_INSN_BRK_0X2B5 = 0xD42056A0
_INSN_LDXR_X3_X0 = 0xC85F7C03


class Core(Enum):
    """A CPU that Unicorn has, by its number there."""

    MAX = UC_CPU_ARM64_MAX
    CORTEX_A72 = UC_CPU_ARM64_A72


@dataclass(frozen=True, slots=True)
class Layout:
    """Byte offsets: `uc_*` from `uc_struct`, `cpu_*` from `ARMCPU`, `env_*` from `CPUARMState`."""

    uc_emu_counter: int
    uc_emu_count: int
    uc_no_exit_request: int
    cpu_env: int
    cpu_interrupt_request: int
    cpu_halted: int
    cpu_exception_index: int
    env_x0: int
    env_pc: int
    env_exclusive_addr: int
    env_syndrome: int
    env_isar: int

    @property
    def uc_count_hook(self) -> int:
        """`uc_hook count_hook` precedes `size_t emu_counter`."""
        return self.uc_emu_counter - 8

    @property
    def env_pstate(self) -> int:
        """`uint32_t pstate` follows `uint64_t pc`."""
        return self.env_pc + 8

    @property
    def env_aarch64(self) -> int:
        """`uint32_t aarch64` follows `uint32_t pstate`."""
        return self.env_pstate + 4

    @property
    def env_vaddress(self) -> int:
        """`exception` is {u32 syndrome; u32 fsr; u64 vaddress; u32 target_el}."""
        return self.env_syndrome + 8

    @property
    def env_target_el(self) -> int:
        """`exception.target_el` follows `exception.vaddress`."""
        return self.env_vaddress + 8


def new_unicorn(core: Core = Core.MAX) -> Any:
    """A Unicorn engine that walks the guest's page tables itself."""
    uc = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
    uc.ctl_set_cpu_model(core.value)
    uc.ctl_set_tcg_buffer_size(_GENERATED_CODE_BYTES)
    uc.ctl_set_tlb_mode(UC_TLB_CPU)
    uc.ctl_exits_enabled(True)
    return uc


def release(uc: Any) -> None:
    """Free an engine now: its callbacks refer to it, so that it would wait for the collector."""
    uc._Uc__finalizer()


def handle_of(uc: Any) -> int:
    """Address of the engine's `uc_struct`."""
    handle = uc._uch
    return int(getattr(handle, "value", handle))


def cpu_of(uc: Any) -> int:
    """Address of the engine's `ARMCPU` (which begins with its `CPUState`)."""
    uc.reg_read(UC_ARM64_REG_PC)  # the CPU exists from the first use on
    cpu = library.load().get_cpu(handle_of(uc), UNASSIGNED_CPU_INDEX)
    if not cpu:
        raise EngineError("qemu_get_cpu found no CPU: this libunicorn is not laid out as expected")
    return int(cpu)


def enter_aarch64_el1(uc: Any) -> None:
    """Make EL3 and EL2 step aside: EL1 is AArch64 and non-secure, HVC and PAC are enabled."""
    scr_el3 = 1 << 17 | 1 << 16 | 0x531  # API, APK; RW, HCE, RES1, NS
    hcr_el2 = 1 << 41 | 1 << 40 | 1 << 31  # API, APK; RW
    uc.reg_write(UC_ARM64_REG_CP_REG, (1, 1, 3, 6, 0, scr_el3))
    uc.reg_write(UC_ARM64_REG_CP_REG, (1, 1, 3, 4, 0, hcr_el2))


@cache
def discover() -> Layout:
    """The layout of the installed Unicorn. Takes about 20 ms, once in a process.

    Raises:
        EngineError: an experiment did not leave the one trace that it must leave.
    """
    try:
        return _discover()
    finally:
        _Experiment.release_all()


def _discover() -> Layout:
    env, x0 = _find_env()
    counter, count = _find_counters()
    return Layout(
        uc_emu_counter=counter,
        uc_emu_count=count,
        uc_no_exit_request=_find_no_exit_request(),
        cpu_env=env,
        cpu_interrupt_request=_find_interrupt_request(),
        cpu_halted=_find_halted(),
        cpu_exception_index=_find_exception_index(),
        env_x0=x0,
        env_pc=_find_pc(env),
        env_exclusive_addr=_find_exclusive_addr(env),
        env_syndrome=_find_syndrome(env),
        env_isar=_find_isar(env),
    )


class _Experiment:
    """A throwaway engine with one page of code."""

    _engines: ClassVar[list[Any]] = []

    def __init__(self, *instructions: int) -> None:
        self.uc = new_unicorn()
        self._engines.append(self.uc)
        enter_aarch64_el1(self.uc)
        self.uc.mem_map(_CODE, _PAGE_BYTES, UC_PROT_ALL)
        self.uc.mem_write(_CODE, struct.pack(f"<{len(instructions)}I", *instructions))
        self.uc_struct = handle_of(self.uc)
        self.cpu = cpu_of(self.uc)

    def run(self, count: int) -> None:
        self.uc.emu_start(_CODE, 0, 0, count)

    @classmethod
    def release_all(cls) -> None:
        """Free the engines of all experiments: each has room for much generated code."""
        while cls._engines:
            release(cls._engines.pop())


def _find_env() -> tuple[int, int]:
    """Offset of `env` in `ARMCPU`, and of X0 in `env`: six marked registers in a row."""
    experiment = _Experiment(_INSN_NOP)
    marks = [0xA5A5_0000_DEAD_0000 + i * 0x1111 for i in range(6)]
    for i, mark in enumerate(marks):
        experiment.uc.reg_write(UC_ARM64_REG_X0 + i, mark)
    memory = ctypes.string_at(experiment.cpu, ARMCPU_SCANNED_BYTES)
    x0 = _only("X registers", _occurrences(memory, struct.pack("<6Q", *marks)))
    # CPUState points to env, which begins a little before the X registers, and to the
    # CPUNegativeOffsetState, which by design lies right before env: env is the higher one.
    pointed_to = {value - experiment.cpu for _, value in enumerate_words(memory)}
    env = max((offset for offset in pointed_to if 0 <= x0 - offset < 0x100), default=-1)
    if env < 0:
        raise EngineError("CPUState has no pointer to env where the X registers are")
    return env, x0 - env


def _find_counters() -> tuple[int, int]:
    """`uc->emu_counter` and `uc->emu_count`: instructions done and asked for.

    The counter stops one above what was asked for, having counted the instruction not executed.
    """

    def words(count: int) -> dict[int, int]:
        experiment = _Experiment(*[_INSN_NOP] * 1000)
        experiment.run(count)
        return dict(enumerate_words(_uc_struct_bytes(experiment)))

    first, second = words(613), words(877)
    counts = {o for o, v in first.items() if v == 613 and second[o] == 877}
    counters = {o for o, v in first.items() if v == 614 and second[o] == 878}
    return _only("emu_counter", counters), _only("emu_count", counts)


def _find_no_exit_request() -> int:
    """`bool first_tb, no_exit_request, init_done`: the first run sets the first of them."""
    experiment = _Experiment(_INSN_NOP)
    before = _uc_struct_bytes(experiment)
    experiment.run(1)
    after = _uc_struct_bytes(experiment)
    first_tb = _occurrences_of_bytes(before, b"\0\0\1") & _occurrences_of_bytes(after, b"\1\0\1")
    return _only("no_exit_request", {offset + 1 for offset in first_tb})


def _find_interrupt_request() -> int:
    """Clear one bit in a decoy that is all ones, and see which word lost it."""
    decoy = (ctypes.c_uint8 * 0x10000)(*b"\xff" * 0x10000)
    library.load().reset_interrupt(ctypes.addressof(decoy), CPU_INTERRUPT_HARD)
    changed = {offset for offset, byte in enumerate(decoy) if byte != 0xFF}
    offset = _only("interrupt_request", changed)
    if decoy[offset] != 0xFF & ~CPU_INTERRUPT_HARD:
        raise EngineError("cpu_reset_interrupt clears another bit than it is asked to")
    return offset


def _find_halted() -> int:
    """The 32-bit word of `CPUState` that WFI sets to one and NOP leaves zero."""

    def words(instruction: int) -> tuple[int, ...]:
        experiment = _Experiment(instruction, _INSN_NOP)
        experiment.run(1)
        return struct.unpack(
            f"<{ARMCPU_SCANNED_BYTES // 4}I", ctypes.string_at(experiment.cpu, ARMCPU_SCANNED_BYTES)
        )

    pairs = enumerate(zip(words(_INSN_WFI), words(_INSN_NOP), strict=True))
    return _only("halted", {4 * i for i, pair in pairs if pair == (1, 0)})


def _find_pc(env: int) -> int:
    mark = 0x0000_7A5A_1234_5678
    experiment = _Experiment(_INSN_NOP)
    experiment.uc.reg_write(UC_ARM64_REG_PC, mark)
    return _only("pc", _occurrences(_env_bytes(experiment, env)[:0x200], struct.pack("<Q", mark)))


def _find_exclusive_addr(env: int) -> int:
    """`exclusive_addr` is followed by the value that LDXR loaded."""
    address, value = _CODE + 0x5A0, 0x1357_9BDF_0246_8ACE
    experiment = _Experiment(_INSN_LDXR_X3_X0, _INSN_NOP)
    experiment.uc.mem_write(address, struct.pack("<Q", value))
    experiment.uc.reg_write(UC_ARM64_REG_X0, address)
    experiment.run(1)
    if experiment.uc.reg_read(UC_ARM64_REG_X3) != value:
        raise EngineError("LDXR did not load what memory holds")
    pair = struct.pack("<2Q", address, value)
    return _only("exclusive_addr", _occurrences(_env_bytes(experiment, env), pair))


def _find_syndrome(env: int) -> int:
    """The word that holds an SVC's syndrome with target EL1, and an HVC's with target EL2."""

    def matches(instruction: int, syndrome: int, target_el: int) -> set[int]:
        memory = _at_exception(instruction, lambda experiment: _env_bytes(experiment, env))
        offsets = _occurrences(memory, struct.pack("<I", syndrome))
        return {o for o in offsets if memory[o + 16 : o + 20] == struct.pack("<I", target_el)}

    svc = matches(_INSN_SVC_0X2B5, 0x15 << 26 | 1 << 25 | 0x2B5, 1)
    hvc = matches(_INSN_HVC_0X2B5, 0x16 << 26 | 1 << 25 | 0x2B5, 2)
    return _only("exception.syndrome", svc & hvc)


def _find_exception_index() -> int:
    """The 32-bit word of `CPUState` that is 2 at an SVC, 7 at a BRK and 11 at an HVC."""
    numbers = {_INSN_SVC_0X2B5: 2, _INSN_BRK_0X2B5: 7, _INSN_HVC_0X2B5: 11}
    found = [
        _occurrences(_at_exception(instruction, _cpu_bytes), struct.pack("<I", number))
        for instruction, number in numbers.items()
    ]
    return _only("exception_index", set.intersection(*found))


def _at_exception(instruction: int, look: Callable[[_Experiment], bytes]) -> bytes:
    """What `look` sees when `instruction` has raised its exception, and it is not yet entered."""
    experiment = _Experiment(instruction, _INSN_NOP)
    seen: list[bytes] = []
    experiment.uc.hook_add(UC_HOOK_INTR, lambda *_: seen.append(look(experiment)))
    experiment.run(1)
    if len(seen) != 1:
        raise EngineError(f"{instruction:#010x} raised {len(seen)} exceptions, expected 1")
    return seen[0]


def _cpu_bytes(experiment: _Experiment) -> bytes:
    return ctypes.string_at(experiment.cpu, ARMCPU_SCANNED_BYTES)


def _find_isar(env: int) -> int:
    """Nine words in a row that hold what MRS gives."""
    experiment = _Experiment(_INSN_NOP)
    words = (read_sysreg(experiment.uc, at) for at in ISA_REGISTERS.values())
    memory = ctypes.string_at(experiment.cpu + env, ISAR_SCANNED_BYTES)
    return _only("isar", _occurrences(memory, struct.pack("<9Q", *words)))


def read_sysreg(uc: Any, at: tuple[int, int, int, int, int]) -> int:
    """A system register that the core itself models, by op0, op1, CRn, CRm and op2."""
    op0, op1, crn, crm, op2 = at
    return int(uc.reg_read(UC_ARM64_REG_CP_REG, (crn, crm, op0, op1, op2)))


def _uc_struct_bytes(experiment: _Experiment) -> bytes:
    return ctypes.string_at(experiment.uc_struct, UC_STRUCT_SCANNED_BYTES)


def _env_bytes(experiment: _Experiment, env: int) -> bytes:
    return ctypes.string_at(experiment.cpu + env, ENV_SCANNED_BYTES)


def enumerate_words(memory: bytes) -> Iterable[tuple[int, int]]:
    """Offsets and values of the aligned 64-bit words."""
    words = struct.iter_unpack("<Q", memory)
    return ((8 * i, word) for i, (word,) in enumerate(words))


def _occurrences(memory: bytes, pattern: bytes) -> set[int]:
    step = min(len(pattern), 8)
    return {o for o in range(0, len(memory), step) if memory.startswith(pattern, o)}


def _occurrences_of_bytes(memory: bytes, pattern: bytes) -> set[int]:
    return {o for o in range(len(memory)) if memory.startswith(pattern, o)}


def _only(what: str, offsets: set[int]) -> int:
    if len(offsets) != 1:
        places = ", ".join(f"{offset:#x}" for offset in sorted(offsets)) or "nowhere"
        raise EngineError(
            f"looking for {what} inside Unicorn: expected one place, found {places}. "
            "This build of libunicorn is not laid out as expected; machines can't run with it"
        )
    return next(iter(offsets))
