"""Calls one function of a library made for another computer, and tells what memory it touched.

The library is loaded into an emulated CPU of its own architecture (by Unicorn, which is at hand),
so this needs neither the other computer nor its operating system. The functions called here are
small: they get no more of a C library than one block of memory from `malloc`, a `memcpy` that
copies nothing, and functions that return zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from unicorn import (
    UC_ARCH_ARM64,
    UC_ARCH_X86,
    UC_HOOK_CODE,
    UC_HOOK_MEM_READ,
    UC_HOOK_MEM_WRITE,
    UC_MEM_WRITE,
    UC_MODE_64,
    UC_MODE_ARM,
    UC_PROT_READ,
    Uc,
    UcError,
    arm64_const,
    x86_const,
)

from tests.cpu.libunicorn.image import Image

ARENA = 0x2_0000_0000
ARENA_BYTES = 0x4_0000
"""Memory for the arguments, all zero at first."""

_IMAGE = 0x1_0000_0000
_STACK = 0x3_0000_0000
_STACK_BYTES = 0x1_0000
_RETURN = 0x4_0000_0000
_RETURN_ZERO = _RETURN + 0x100
_STUB_BYTES = 0x10
_BLOCK = 0x5_0000_0000
_BLOCK_BYTES = 0x1000
_PAGE_BYTES = 0x1000
_INSN_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class _Convention:
    """How C functions are called: SysV on x86-64, AAPCS64 on AArch64."""

    arch: int
    mode: int
    arguments: Sequence[int]
    stack_pointer: int
    return_zero: bytes
    stubs: Mapping[str, bytes]


_CONVENTIONS = {
    "x86_64": _Convention(
        UC_ARCH_X86,
        UC_MODE_64,
        (
            x86_const.UC_X86_REG_RDI,
            x86_const.UC_X86_REG_RSI,
            x86_const.UC_X86_REG_RDX,
            x86_const.UC_X86_REG_RCX,
            x86_const.UC_X86_REG_R8,
        ),
        x86_const.UC_X86_REG_RSP,
        bytes.fromhex("31c0c3"),  # xor eax, eax; ret
        {
            "malloc": bytes.fromhex("48b80000000005000000c3"),  # mov rax, 0x500000000; ret
            "memcpy": bytes.fromhex("4889f8c3"),  # mov rax, rdi; ret
        },
    ),
    "aarch64": _Convention(
        UC_ARCH_ARM64,
        UC_MODE_ARM,
        tuple(arm64_const.UC_ARM64_REG_X0 + i for i in range(5)),
        arm64_const.UC_ARM64_REG_SP,
        bytes.fromhex("000080d2c0035fd6"),  # mov x0, #0; ret
        {
            "malloc": bytes.fromhex("a000c0d2c0035fd6"),  # mov x0, #0x500000000; ret
            "memcpy": bytes.fromhex("c0035fd6"),  # ret
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Access:
    """One load or store in the arena, by offset from its begin."""

    offset: int
    size_bytes: int
    stored: int | None


@dataclass(frozen=True, slots=True)
class Call:
    """What a call touched, and the argument registers when it ended."""

    accesses: Sequence[Access]
    arguments: Sequence[int]

    def loads(self) -> set[tuple[int, int]]:
        """Offset and size of everything read."""
        return {(a.offset, a.size_bytes) for a in self.accesses if a.stored is None}

    def stores(self, value: int, size_bytes: int) -> set[int]:
        """Offsets at which the value was stored in that size."""
        return {a.offset for a in self.accesses if (a.size_bytes, a.stored) == (size_bytes, value)}


class EmulatedLibrary:
    """A library in an emulated CPU, with an arena to point its functions at."""

    def __init__(self, image: Image) -> None:
        self._convention = convention = _CONVENTIONS[image.machine]
        self._exports = image.exports
        self._uc: Any = Uc(convention.arch, convention.mode)
        stubs = {_RETURN_ZERO: convention.return_zero}
        imported = dict.fromkeys(image.imports.values(), _RETURN_ZERO)
        for name, code in convention.stubs.items():
            imported[name] = _RETURN_ZERO + _STUB_BYTES * len(stubs)
            stubs[imported[name]] = code
        memory = image.loaded_at(_IMAGE, imported)
        for base, content in (
            (_IMAGE, bytes(memory)),
            (ARENA, bytes(ARENA_BYTES)),
            (_STACK, bytes(_STACK_BYTES)),
            (_BLOCK, bytes(_BLOCK_BYTES)),
            # What a null pointer points to: pointers to a function that returns zero.
            (0, _RETURN_ZERO.to_bytes(8, "little") * (_PAGE_BYTES // 8)),
        ):
            self._uc.mem_map(base, -len(content) // _PAGE_BYTES * -_PAGE_BYTES)
            self._uc.mem_write(base, content)
        self._uc.mem_map(_RETURN, _PAGE_BYTES)
        for address, code in stubs.items():
            self._uc.mem_write(address, code)
        # A store through a null pointer is a fault here too: it would outlast the call.
        self._uc.mem_protect(0, _PAGE_BYTES, UC_PROT_READ)
        self._accesses: list[Access] = []
        self._uc.hook_add(
            UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, self._note, None, ARENA, ARENA + ARENA_BYTES - 1
        )

    def write(self, offset: int, content: bytes) -> None:
        """Set bytes of the arena."""
        self._uc.mem_write(ARENA + offset, content)

    def fill(self, byte: int) -> None:
        """Set every byte of the arena."""
        self.write(0, bytes([byte]) * ARENA_BYTES)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Bytes of the arena."""
        return bytes(self._uc.mem_read(ARENA + offset, size_bytes))

    def call(self, function: str, *arguments: int, until: str | None = None) -> Call:
        """Call an exported function, until it returns, faults or calls the one named `until`."""
        uc, convention = self._uc, self._convention
        self._accesses = []
        stack_pointer = _STACK + _STACK_BYTES - 0x1000
        if convention.arch == UC_ARCH_X86:
            stack_pointer -= 8
            uc.mem_write(stack_pointer, _RETURN.to_bytes(8, "little"))
        else:
            uc.reg_write(arm64_const.UC_ARM64_REG_LR, _RETURN)
        uc.reg_write(convention.stack_pointer, stack_pointer)
        for register, argument in zip(convention.arguments, arguments, strict=False):
            uc.reg_write(register, argument % (1 << 64))
        stop = self._stop_at(_IMAGE + self._exports[until]) if until else None
        with suppress(UcError):  # what it touched before a fault counts
            uc.emu_start(_IMAGE + self._exports[function], _RETURN, 0, _INSN_LIMIT)
        if stop is not None:
            uc.hook_del(stop)
        registers = [uc.reg_read(register) for register in convention.arguments]
        return Call(self._accesses, registers)

    def _stop_at(self, address: int) -> Any:
        return self._uc.hook_add(UC_HOOK_CODE, lambda uc, *_: uc.emu_stop(), None, address, address)

    def _note(
        self, _uc: Any, kind: int, address: int, size: int, value: int, _data: object
    ) -> None:
        stored = value % (1 << 8 * size) if kind == UC_MEM_WRITE else None
        self._accesses.append(Access(address - ARENA, size, stored))
