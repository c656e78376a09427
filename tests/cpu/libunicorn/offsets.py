"""The engine's `Layout` of any libunicorn, from what its own functions touch when called alone.

`layout.discover` finds the same by running guests, which only works with the library of the
computer it runs on.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from emu.cpu.engine.layout import CPU_INTERRUPT_HARD, Layout
from tests.cpu.libunicorn.emulated import ARENA, ARENA_BYTES, EmulatedLibrary

_ENV = 0x2_0000
"""Where in the arena `env` is; `ARMCPU` begins somewhat before it."""
_ENV_SAMPLE_BYTES = 0x4000
_UC = 0x1_0000
_INFO = 0x1_0000
_LEAVE = "cpu_loop_exit_aarch64"
_CLEAR_EXCLUSIVE = (1 << 64) - 1
_EXCP_HLT = 0x10001
_HFLAGS_AARCH64_STATE = 1 << 31


@dataclass(frozen=True, slots=True)
class Extents:
    """Offsets of fields far behind: the structures are at least that long."""

    uc_struct_bytes: int
    armcpu_bytes: int


def layout_of(library: EmulatedLibrary) -> Layout:
    """What `layout.discover` must find with this library."""
    cpu_env, syndrome = _by_raising_an_exception(library)
    counter, count = _by_starting(library)
    halted, exception_index = _by_waiting(library)
    pc = _by_asking_for_the_pc(library)
    return Layout(
        uc_emu_counter=counter,
        uc_emu_count=count,
        uc_no_exit_request=_by_asking_for_a_check(library),
        cpu_env=cpu_env,
        cpu_interrupt_request=_by_clearing_a_bit(library),
        cpu_halted=halted - (_ENV - cpu_env),
        cpu_exception_index=exception_index - (_ENV - cpu_env),
        env_x0=_by_leaving_aarch32(library) - _ENV,
        env_pc=pc,
        env_exclusive_addr=_by_exception_return(library) - _ENV,
        env_syndrome=syndrome,
        env_isar=_by_asking_for_features(library, pc),
    )


def extents_of(library: EmulatedLibrary, cpu_env: int) -> Extents:
    """How far the structures reach at least."""
    library.fill(0)
    cpu = _ENV - cpu_env
    start = library.call("uc_emu_start", ARENA, 0, 0, 0, 1)
    zero = library.call("helper_dc_zva_aarch64", ARENA + _ENV, 0)
    return Extents(
        uc_struct_bytes=max(offset for offset, _ in start.loads()),
        armcpu_bytes=max(offset for offset, _ in zero.loads()) - cpu,  # dcz_blocksize
    )


def fields_read_of(definition: bytes, library: EmulatedLibrary) -> set[tuple[int, int]]:
    """Offset and size of what the core reads of an ARMCPRegInfo."""
    library.fill(0)
    library.write(_INFO, definition)
    env, info = ARENA + _ENV, ARENA + _INFO
    calls = (
        library.call("define_one_arm_cp_reg_with_opaque_aarch64", env, info, 0),
        library.call("helper_access_check_cp_reg_aarch64", env, info, 0, 1),
        library.call("helper_get_cp_reg64_aarch64", env, info),
        library.call("helper_set_cp_reg64_aarch64", env, info, 0),
        library.call("read_raw_cp_reg_aarch64", env, info),
    )
    return {
        (offset - _INFO, size)
        for call in calls
        for offset, size in call.loads()
        if _INFO <= offset < _INFO + len(definition)
    }


def _by_raising_an_exception(library: EmulatedLibrary) -> tuple[int, int]:
    """Distance of `env` from its CPU, and `exception.syndrome`, which is checked with its EL."""
    syndrome, target_el = 0x5600_02B5, 3
    library.fill(0)
    call = library.call(
        "raise_exception_aarch64", ARENA + _ENV, 2, syndrome, target_el, until=_LEAVE
    )
    cpu = call.arguments[0]
    found = _only(call.stores(syndrome, 4)) - _ENV
    assert _only(call.stores(target_el, 4)) - _ENV == found + 16
    return ARENA + _ENV - cpu, found


def _by_starting(library: EmulatedLibrary) -> tuple[int, int]:
    """`emu_counter`, which is cleared, and the number of instructions asked for behind it."""
    library.fill(0)
    first = library.call("uc_emu_start", ARENA, 0, 0, 0, 613)
    # A nested start, which is told by the first field read, does not create the CPU.
    nested_level = next(access.offset for access in first.accesses if access.stored is None)
    library.write(nested_level, struct.pack("<I", 1))
    nested = library.call("uc_emu_start", ARENA, 0, 0, 0, 613)
    count = _only(nested.stores(613, 8))
    return _only(nested.stores(0, 8) & {count - 8}), count


def _by_asking_for_a_check(library: EmulatedLibrary) -> int:
    """The first byte that is read of the `uc_struct`, to which all words of the arena point."""
    pointer = struct.pack("<Q", ARENA + _UC)
    library.write(0, pointer * (ARENA_BYTES // len(pointer)))
    call = library.call("check_exit_request_aarch64", ARENA)
    return next(a.offset for a in call.accesses if a.size_bytes == 1) - _UC


def _by_clearing_a_bit(library: EmulatedLibrary) -> int:
    """The decoy of `layout.discover`."""
    library.fill(0xFF)
    library.call("cpu_reset_interrupt", ARENA, CPU_INTERRUPT_HARD)
    decoy = library.read(0, ARENA_BYTES)
    return _only({offset for offset, byte in enumerate(decoy) if byte != 0xFF})


def _by_waiting(library: EmulatedLibrary) -> tuple[int, int]:
    """`halted`, and `exception_index`, which says why the core leaves."""
    library.fill(0)
    call = library.call("helper_wfi_aarch64", ARENA + _ENV, 4, until=_LEAVE)
    return _only(call.stores(1, 4)), _only(call.stores(_EXCP_HLT, 4))


def _by_leaving_aarch32(library: EmulatedLibrary) -> int:
    """X0 is the first of the registers that are set from those of AArch32."""
    library.fill(0)
    call = library.call("aarch64_sync_32_to_64_aarch64", ARENA + _ENV)
    return min(access.offset for access in call.accesses if access.stored is not None)


def _by_asking_for_the_pc(library: EmulatedLibrary) -> int:
    """Each word of `env` holds its own number, so that the PC returned tells where it is."""
    numbers = range(_ENV_SAMPLE_BYTES // 4)
    content = struct.pack(f"<{len(numbers)}I", *(_HFLAGS_AARCH64_STATE | i for i in numbers))
    library.fill(0)
    library.write(_ENV, content)
    library.call("cpu_get_tb_cpu_state_aarch64", ARENA + _ENV, ARENA, ARENA + 8, ARENA + 16)
    return content.index(library.read(0, 8))


def _by_exception_return(library: EmulatedLibrary) -> int:
    library.fill(0)
    call = library.call("helper_exception_return_aarch64", ARENA + _ENV, 0, until=_LEAVE)
    return _only(call.stores(_CLEAR_EXCLUSIVE, 8))


def _by_asking_for_features(library: EmulatedLibrary, env_pc: int) -> int:
    """At EL1 in AArch64 the flags follow from pauth, SVE and BTI: ID_AA64ISAR1_EL1, PFR0, PFR1."""
    library.fill(0)
    library.write(_ENV + env_pc + 8, struct.pack("<2I", 0b0101, 1))  # pstate, aarch64
    call = library.call("arm_rebuild_hflags_aarch64", ARENA + _ENV)
    words = {(offset - _ENV) & ~7 for offset, _ in call.loads()}
    return _only({word for word in words if {word + 8, word + 16} <= words}) - 8


def _only(offsets: set[int]) -> int:
    assert len(offsets) == 1, f"expected one place, found {sorted(offsets)}"
    return next(iter(offsets))
