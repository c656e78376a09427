"""Runs Unicorn's macOS library in a Linux process of the same architecture.

It is loaded as dyld would load it, and what it imports of macOS's libSystem is glibc's, where the
two agree, or one of the small functions below. Apple silicon's rule that generated code is either
writable or executable, never both, is kept: a breach ends the process with a signal.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import mmap
import re
import struct
from collections.abc import Callable, Iterable
from ctypes import c_char_p, c_int, c_size_t, c_ssize_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from tests.cpu.libunicorn import macho
from tests.cpu.libunicorn.image import Image

_DARWIN_MAP_ANON, _DARWIN_MAP_JIT = 0x1000, 0x0800
_MAP_PRIVATE_FIXED = 0x0012
"""MAP_PRIVATE and MAP_FIXED, the same on both."""
_PROT_RW = mmap.PROT_READ | mmap.PROT_WRITE
_PROT_RX = mmap.PROT_READ | mmap.PROT_EXEC

_INSN_MRS_SPRR = 0xD53E_F1A0
"""mrs x0, S3_6_C15_C1_5: how this thread may use MAP_JIT memory, in bits 21:20."""
_SPRR_EXECUTABLE, _SPRR_WRITABLE = 1 << 20, 3 << 20
_DETOURS_BYTES = 0x1_0000

_ALIASES = {"__bzero": "bzero", "__error": "__errno_location", "sigsetjmp": "__sigsetjmp"}
"""macOS's name -> glibc's name for the same."""

_DATA = {"__stderrp": "stderr", "__stdoutp": "stdout"}
"""Variables; the same type, another name."""

# A TLV descriptor is {thunk, key, offset}: the thunk gets its address, returns the variable's, and
# keeps all other registers. With one thread, `offset` can hold that address.
_CODE = {
    "x86_64": {
        "_tlv_bootstrap": bytes.fromhex("488b4710c3"),  # mov rax, [rdi + 16]; ret
    },
    "aarch64": {
        "_tlv_bootstrap": struct.pack("<2I", 0xF9400800, 0xD65F03C0),  # ldr x0, [x0, #16]; ret
        "__chkstk_darwin": struct.pack("<I", 0xD65F03C0),  # ret
        "sys_icache_invalidate": struct.pack(
            "<14I",
            0x8B010001,  # add x1, x0, x1
            0xAA0003E2,  # mov x2, x0
            0xD50B7B22,  # dc cvau, x2
            0x91004042,  # add x2, x2, #16
            0xEB01005F,  # cmp x2, x1
            0x54FFFFA3,  # b.lo dc
            0xD5033B9F,  # dsb ish
            0xD50B7520,  # ic ivau, x0
            0x91004000,  # add x0, x0, #16
            0xEB01001F,  # cmp x0, x1
            0x54FFFFA3,  # b.lo ic
            0xD5033B9F,  # dsb ish
            0xD5033FDF,  # isb
            0xD65F03C0,  # ret
        ),
    },
}
"""What must be machine code because it keeps registers, or the caches."""


class TransplantedLibrary:
    """A macOS library, with the part of `ctypes.CDLL` that Unicorn's binding uses."""

    def __init__(self, path: Path) -> None:
        image = macho.read(path.read_bytes())
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libgcc = ctypes.CDLL("libgcc_s.so.1")
        self._kept: list[Any] = []
        self._jit = _JitRegions(self._libc)
        self._exports = image.exports
        self._is_aarch64 = image.machine == "aarch64"
        self._memory = self._executable(image.size_bytes + _DETOURS_BYTES)
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        imported = self._imports(image)
        loaded = image.loaded_at(self._base, imported)
        self._place_thread_locals(image, loaded)
        if self._is_aarch64:
            self._emulate_permission_register(loaded)
        self._memory[: len(loaded)] = bytes(loaded)

    def __getattr__(self, name: str) -> Any:
        try:
            address = self._base + self._exports[name]
        except KeyError:
            raise AttributeError(name) from None
        function: Any = ctypes.CFUNCTYPE(c_int)(address)
        if name == "uc_ctl" and self._is_aarch64:
            function = _apple_variadic(function, fixed=2)
        setattr(self, name, function)
        return function

    def write_protect(self, enabled: bool) -> None:
        """Let generated code be executed, or be written."""
        self._jit.write_protect(enabled)

    def _executable(self, size_bytes: int) -> mmap.mmap:
        memory = mmap.mmap(-1, size_bytes, prot=_PROT_RW | mmap.PROT_EXEC)
        self._kept.append(memory)
        return memory

    def _place_thread_locals(self, image: Image, loaded: bytearray) -> None:
        variables = ctypes.create_string_buffer(0x1000)
        self._kept.append(variables)
        begin, size = image.thread_locals
        for descriptor in range(begin, begin + size, 24):
            (offset,) = struct.unpack_from("<Q", loaded, descriptor + 16)
            address = ctypes.addressof(variables) + offset
            struct.pack_into("<Q", loaded, descriptor + 16, address)

    def _emulate_permission_register(self, loaded: bytearray) -> None:
        """Let each MRS of a register that only Apple's CPUs have load a variable instead."""
        variable = ctypes.addressof(self._jit.permissions)
        words = memoryview(bytes(loaded)).cast("I")
        for site in (4 * i for i, word in enumerate(words) if word & ~0x1F == _INSN_MRS_SPRR):
            register = loaded[site] & 0x1F
            detour = len(loaded)
            loaded += struct.pack(
                "<4IQ",
                0x5800_0080 | register,  # ldr xN, pc + 16
                0xF940_0000 | register << 5 | register,  # ldr xN, [xN]
                _branch(detour + 8, site + 4),
                0,
                variable,
            )
            struct.pack_into("<I", loaded, site, _branch(site, detour))

    def _imports(self, image: Image) -> dict[str, int]:
        code = self._machine_code(_CODE[image.machine])
        functions = self._functions()
        return {
            name: code.get(name) or functions.get(name) or self._native(name)
            for name in set(image.imports.values())
        }

    def _machine_code(self, code: dict[str, bytes]) -> dict[str, int]:
        memory = self._executable(mmap.PAGESIZE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        places: dict[str, int] = {}
        for i, (name, content) in enumerate(code.items()):
            memory[0x100 * i : 0x100 * i + len(content)] = content
            places[name] = base + 0x100 * i
        return places

    def _native(self, name: str) -> int:
        """The same of glibc or libgcc; else abort(), for what no test gets to."""
        if name in _DATA:
            return ctypes.addressof(c_void_p.in_dll(self._libc, _DATA[name]))
        for library in (self._libc, self._libgcc):
            if hasattr(library, _ALIASES.get(name, name)):
                return _address(getattr(library, _ALIASES.get(name, name)))
        return _address(self._libc.abort)

    def _functions(self) -> dict[str, int]:
        guard = c_uint64(0x5AFE_57AC_0000_CAFE)
        jit = self._jit
        functions: dict[str, Any] = {
            "mmap": ctypes.CFUNCTYPE(c_void_p, c_void_p, c_size_t, c_int, c_int, c_int, c_ssize_t)(
                jit.mmap
            ),
            "munmap": ctypes.CFUNCTYPE(c_int, c_void_p, c_size_t)(jit.munmap),
            "pthread_jit_write_protect_np": ctypes.CFUNCTYPE(None, c_int)(jit.write_protect),
            "pthread_jit_write_protect_supported_np": ctypes.CFUNCTYPE(c_int)(lambda: 1),
            "sysctlbyname": ctypes.CFUNCTYPE(c_int)(lambda: -1),
            "memset_pattern16": ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_size_t)(_pattern16),
        }
        if self._is_aarch64:
            functions["vasprintf"] = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)(
                self._vasprintf
            )
            functions["snprintf"] = ctypes.CFUNCTYPE(
                c_int, c_void_p, c_size_t, c_char_p, *[c_uint64] * 13
            )(_snprintf)
        self._kept += [guard, functions]
        addresses = {name: _address(function) for name, function in functions.items()}
        return addresses | {"__stack_chk_guard": ctypes.addressof(guard)}

    def _vasprintf(self, result: int, template: bytes, arguments: int) -> int:
        """Apple's `va_list` on arm64 is an array of 8-byte slots."""
        text = _formatted(template, (c_uint64 * 8).from_address(arguments))
        self._libc.strdup.restype = c_void_p
        c_void_p.from_address(result).value = self._libc.strdup(text)
        return len(text)


def install(path: str) -> Callable[[bool], None]:
    """Make `import unicorn` load this library. Before the first import of it only.

    The garbage collector is turned off: it could close an engine in the middle of one of the
    functions here, which no libSystem does.

    Returns:
        pthread_jit_write_protect_np.
    """
    gc.disable()
    transplanted, load = TransplantedLibrary(Path(path)), ctypes.cdll.LoadLibrary
    setattr(ctypes.cdll, "LoadLibrary", lambda _name: transplanted)  # noqa: B010  # another type
    importlib.import_module("unicorn")
    setattr(ctypes.cdll, "LoadLibrary", load)  # noqa: B010
    return transplanted.write_protect


class _JitRegions:
    """Memory mapped with MAP_JIT: writable or executable, as the thread last asked for."""

    def __init__(self, libc: ctypes.CDLL) -> None:
        self._mmap, self._munmap, self._mprotect = libc.mmap, libc.munmap, libc.mprotect
        self._mmap.restype = c_void_p
        self._mmap.argtypes = (c_void_p, c_size_t, c_int, c_int, c_int, c_ssize_t)
        self._munmap.argtypes = (c_void_p, c_size_t)
        self._mprotect.argtypes = (c_void_p, c_size_t, c_int)
        self._regions: dict[int, int] = {}
        self._protection = _PROT_RW
        self.permissions = c_uint64(_SPRR_WRITABLE)
        """What S3_6_C15_C1_5 tells of this thread."""

    def mmap(self, address: int | None, size: int, protection: int, flags: int, *file: int) -> int:
        if not flags & _DARWIN_MAP_ANON:
            raise ValueError(f"mmap of a file (flags {flags:#x}) is not provided for")
        linux_flags = flags & _MAP_PRIVATE_FIXED | mmap.MAP_ANONYMOUS
        if flags & _DARWIN_MAP_JIT:
            protection = self._protection
        place = int(self._mmap(address, size, protection, linux_flags, *file))
        if flags & _DARWIN_MAP_JIT:
            self._regions[place] = size
        return place

    def munmap(self, address: int, size: int) -> int:
        self._regions.pop(address, None)
        return int(self._munmap(address, size))

    def write_protect(self, enabled: bool) -> None:
        self._protection = _PROT_RX if enabled else _PROT_RW
        self.permissions.value = _SPRR_EXECUTABLE if enabled else _SPRR_WRITABLE
        for address, size in self._regions.items():
            self._mprotect(address, size, self._protection)


def _address(function: Any) -> int:
    address = ctypes.cast(function, c_void_p).value
    assert address is not None
    return address


def _branch(source: int, target: int) -> int:
    """B, an unconditional branch."""
    return 0x1400_0000 | (target - source) // 4 & 0x03FF_FFFF


def _apple_variadic(function: Any, *, fixed: int) -> Callable[..., int]:
    """On Apple silicon variable arguments are on the stack: behind eight in registers."""

    def call(*arguments: Any) -> int:
        padding = [c_uint64(0)] * (8 - fixed)
        return int(function(*arguments[:fixed], *padding, *arguments[fixed:]))

    return call


def _pattern16(destination: int, pattern: int, size: int) -> None:
    content = ctypes.string_at(pattern, 16) * (size // 16 + 1)
    ctypes.memmove(destination, content, size)


def _snprintf(buffer: int, size: int, template: bytes, *arguments: int) -> int:
    text = _formatted(template, arguments[5:])[: size - 1]
    ctypes.memmove(buffer, text + b"\0", len(text) + 1)
    return len(text)


def _formatted(template: bytes, arguments: Iterable[int]) -> bytes:
    """printf, as far as Unicorn uses it: %s, %d and %lx."""
    rest = iter(arguments)
    kinds: dict[bytes, Callable[[int], bytes]] = {
        b"%s": ctypes.string_at,
        b"%d": lambda value: b"%d" % c_int(value).value,
        b"%lx": lambda value: b"%x" % value,
    }
    return re.sub(rb"%(s|d|lx)", lambda match: kinds[match[0]](next(rest)), template)
