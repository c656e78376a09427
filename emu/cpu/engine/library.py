"""The functions of libunicorn that the engine calls, with their C signatures.

Besides the public `uc_*` interface these are functions of QEMU's Arm target that Unicorn's shared
library exports on Linux and macOS (on Windows its DLL exports none of them). Their prototypes are
those of Unicorn 2.1.4 (`qemu/target/arm/*.h`, `qemu/include/hw/core/cpu.h`).

Apart from `uc_emu_start` and `tb_invalidate_phys_range`, which take care of it, none of them writes
generated code: on Apple silicon that is write-protected while a callback runs.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import c_bool, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from unicorn import UcError
from unicorn.unicorn_py3.unicorn import uclib

from emu.errors import EngineError

UNICORN_VERSION = "2.1.4"
"""The release whose internals are known. Another one is refused."""

PROTOTYPES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    # uc_err uc_emu_start(uc_engine *uc, uint64_t begin, until, timeout_us, size_t count)
    "uc_emu_start": (c_int, (c_void_p, c_uint64, c_uint64, c_uint64, c_size_t)),
    # uc_err uc_emu_stop(uc_engine *uc)
    "uc_emu_stop": (c_int, (c_void_p,)),
    # uc_err uc_hook_add(uc_engine *uc, uc_hook *hh, int type, void *callback, void *user_data,
    #                    uint64_t begin, uint64_t end, ...)
    "uc_hook_add": (c_int, (c_void_p, c_void_p, c_int, c_void_p, c_void_p, c_uint64, c_uint64)),
    # uc_err uc_mmio_map(uc_engine *uc, uint64_t address, size_t size,
    #                    read_cb, void *user_data_read, write_cb, void *user_data_write)
    "uc_mmio_map": (
        c_int,
        (c_void_p, c_uint64, c_size_t, c_void_p, c_void_p, c_void_p, c_void_p),
    ),
    # void helper_check_exit_request(void *uc, uint32_t in_delay_slot)
    "helper_check_exit_request_aarch64": (None, (c_void_p, c_uint32)),
    # CPUState *qemu_get_cpu(struct uc_struct *uc, int index)
    "qemu_get_cpu_aarch64": (c_void_p, (c_void_p, c_int)),
    # void cpu_reset_interrupt(CPUState *cpu, int mask)
    "cpu_reset_interrupt": (None, (c_void_p, c_int)),
    # void arm_cpu_do_interrupt(CPUState *cs)
    "arm_cpu_do_interrupt_aarch64": (None, (c_void_p,)),
    # void arm_rebuild_hflags(CPUARMState *env)
    "arm_rebuild_hflags_aarch64": (None, (c_void_p,)),
    # void tlb_flush(CPUState *cpu)
    "tlb_flush_aarch64": (None, (c_void_p,)),
    # void tlb_flush_page(CPUState *cpu, target_ulong addr)
    "tlb_flush_page_aarch64": (None, (c_void_p, c_uint64)),
    # void tb_flush(CPUState *cpu)
    "tb_flush_aarch64": (None, (c_void_p,)),
    # void tb_invalidate_phys_range(struct uc_struct *uc, ram_addr_t start, ram_addr_t end)
    "tb_invalidate_phys_range_aarch64": (None, (c_void_p, c_uint64, c_uint64)),
    # ram_addr_t qemu_ram_addr_from_host(struct uc_struct *uc, void *ptr)
    "qemu_ram_addr_from_host_aarch64": (c_uint64, (c_void_p, c_void_p)),
    # hwaddr arm_cpu_get_phys_page_attrs_debug(CPUState *cs, vaddr addr, MemTxAttrs *attrs)
    "arm_cpu_get_phys_page_attrs_debug_aarch64": (c_uint64, (c_void_p, c_uint64, c_void_p)),
    # void hw_breakpoint_update_all(ARMCPU *cpu)
    "hw_breakpoint_update_all_aarch64": (None, (c_void_p,)),
    # int cpu_memory_rw_debug(CPUState *cpu, uint64_t addr, void *ptr, uint64_t len, bool is_write)
    "cpu_memory_rw_debug_aarch64": (c_int, (c_void_p, c_uint64, c_void_p, c_uint64, c_bool)),
    # void define_one_arm_cp_reg_with_opaque(ARMCPU *cpu, const ARMCPRegInfo *regs, void *opaque)
    "define_one_arm_cp_reg_with_opaque_aarch64": (None, (c_void_p, c_void_p, c_void_p)),
}
"""Symbol -> result type and argument types."""


InterruptCallback = ctypes.CFUNCTYPE(None, c_void_p, c_uint32, c_void_p)
"""uc_cb_hookintr_t: engine, number of the exception, user data."""
MmioReadCallback = ctypes.CFUNCTYPE(c_uint64, c_void_p, c_uint64, c_uint32, c_void_p)
"""uc_cb_mmio_read_t: engine, offset, size, user data."""
MmioWriteCallback = ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_uint32, c_uint64, c_void_p)
"""uc_cb_mmio_write_t: engine, offset, size, value, user data."""


@dataclass(frozen=True, slots=True)
class Library:
    """The bound functions, named without Unicorn's per-target suffix."""

    emu_start: Any
    emu_stop: Any
    hook_add: Any
    mmio_map: Any
    check_exit_request: Any
    get_cpu: Any
    reset_interrupt: Any
    do_interrupt: Any
    rebuild_hflags: Any
    tlb_flush: Any
    tlb_flush_page: Any
    flush_translations: Any
    invalidate_translations: Any
    ram_addr_of: Any
    translate: Any
    arm_breakpoints: Any
    access_virtual: Any
    define_sysreg: Any


@cache
def load() -> Library:
    """Bind the functions of the installed Unicorn.

    Raises:
        EngineError: it is another release, or does not export what the engine needs.
    """
    found = version("unicorn")
    if found != UNICORN_VERSION:
        raise EngineError(
            f"unicorn {found} is installed; the CPU model works with exactly {UNICORN_VERSION}, "
            f"whose internals it knows: pip install unicorn=={UNICORN_VERSION}"
        )
    return Library(*(bind(uclib, symbol) for symbol in PROTOTYPES))


def bind(shared_library: ctypes.CDLL, symbol: str) -> Any:
    """The C function called `symbol`, with its prototype set.

    Raises:
        EngineError: the library does not export it.
    """
    try:
        function = getattr(shared_library, symbol)
    except AttributeError:
        raise EngineError(
            f"libunicorn on {sys.platform} does not export {symbol}: machines can't run here; "
            "describe, dump and build can (Linux and macOS wheels export it)"
        ) from None
    # Unicorn's binding goes on with an object of its own, and declares other types.
    result, arguments = PROTOTYPES[symbol]
    return ctypes.CFUNCTYPE(result, *arguments)(address_of(function))


def hook_everywhere(handle: int, kind: int, function: int) -> int:
    """Have the C function at `function` called as a hook, whatever the address; its `uc_hook`.

    Unicorn's binding would call Python functions of its own in between.

    Args:
        handle: address of the engine's `uc_struct`.
        kind: UC_HOOK_*.
        function: address of a callback of that kind.

    Raises:
        EngineError: Unicorn refuses it.
    """
    hook = c_uint64()
    begin, end = 1, 0  # a range that ends before it begins is everything
    status = load().hook_add(handle, ctypes.addressof(hook), kind, function, None, begin, end)
    check(status, f"a hook of kind {kind:#x}")
    return hook.value


def check(status: int, what: str) -> None:
    """Raise `EngineError` unless Unicorn's `status` is success."""
    if status:
        raise EngineError(f"Unicorn refuses {what}: error {status} ({UcError(status)})")


def address_of(function: Any) -> int:
    """The address of a C function, or of a callback."""
    return ctypes.cast(function, c_void_p).value or 0
