"""Counts instructions, and ends a run before the first one beyond its limit: in machine code.

For a limit Unicorn calls two functions before each instruction, one that counts and one that looks
whether to leave, and the second once more after each load and store. Here the core calls one
function before each instruction, in place of them all, which does both. It is x86-64 code (System V
ABI). Elsewhere, and where memory can't be made executable, Unicorn counts: with the same results,
and more slowly.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import struct
import sys
from ctypes import c_uint8, c_uint64, c_void_p
from functools import cache

from unicorn import UC_HOOK_CODE

from emu.cpu.engine import layout, library


def code_x86_64(counter: int, count: int, emu_stop: int, check_exit_request: int) -> bytes:
    """The function, as machine code that may lie anywhere.

    It is called as a hook, with the `uc_struct` in RDI. When it leaves, it does so through
    `check_exit_request`, which takes the address to return to for the place of the instruction.

    Args:
        counter: offset of `uc->emu_counter`.
        count: offset of `uc->emu_count`.
        emu_stop: address of `uc_emu_stop`.
        check_exit_request: address of `helper_check_exit_request`.
    """
    return b"".join(
        (
            b"\x48\x8b\x87" + struct.pack("<i", counter),  # mov rax, [rdi + counter]
            b"\x48\xff\xc0",  # inc rax
            b"\x48\x89\x87" + struct.pack("<i", counter),  # mov [rdi + counter], rax
            b"\x48\x3b\x87" + struct.pack("<i", count),  # cmp rax, [rdi + count]
            b"\x77\x01",  # ja .leave
            b"\xc3",  # ret
            b"\x57",  # .leave: push rdi
            b"\x48\xb8" + struct.pack("<Q", emu_stop),  # mov rax, emu_stop
            b"\xff\xd0",  # call rax
            b"\x5f",  # pop rdi
            b"\x31\xf6",  # xor esi, esi: not in a delay slot
            b"\x48\xb8" + struct.pack("<Q", check_exit_request),  # mov rax, check_exit_request
            b"\xff\xe0",  # jmp rax
        )
    )


def install(handle: int) -> None:
    """Have an engine count this way, if that can be. Before anything is translated.

    Args:
        handle: address of the engine's `uc_struct`.

    Raises:
        EngineError: Unicorn does not take the hook.
    """
    function = _function()
    if function is None:
        return
    hook = library.hook_everywhere(handle, UC_HOOK_CODE, function)
    at = layout.discover()
    # It takes this hook for its own, and translates no calls that look whether to leave.
    c_uint64.from_address(handle + at.uc_count_hook).value = hook
    c_uint8.from_address(handle + at.uc_no_exit_request).value = 1


@cache
def _function() -> int | None:
    """The address of the function, made once in a process; None if it can't be had."""
    if platform.machine() != "x86_64" or sys.platform == "win32":
        return None
    at, unicorn = layout.discover(), library.load()
    code = code_x86_64(
        at.uc_emu_counter,
        at.uc_emu_count,
        library.address_of(unicorn.emu_stop),
        library.address_of(unicorn.check_exit_request),
    )
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if _mprotect(address, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC):
        return None
    _kept.append(memory)
    return address


_kept: list[mmap.mmap] = []
"""Generated code refers to it as long as there are engines."""


def _mprotect(address: int, size_bytes: int, protection: int) -> int:
    function = ctypes.CDLL(None)["mprotect"]
    function.argtypes = (c_void_p, ctypes.c_size_t, ctypes.c_int)
    return int(function(address, size_bytes, protection))
