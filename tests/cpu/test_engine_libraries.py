"""The engine's picture of Unicorn's internals holds for the library of every platform."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from unicorn.unicorn_py3.unicorn import uclib

from emu.cpu.engine import layout, library
from emu.cpu.engine.layout import Layout
from emu.cpu.engine.sysreg_traps import _RegisterInfo
from emu.errors import EngineError
from tests.cpu.libunicorn import elf, macho, offsets, pe
from tests.cpu.libunicorn.emulated import EmulatedLibrary
from tests.cpu.libunicorn.image import Image
from tests.cpu.libunicorn.wheels import LINUX, MACOS, WINDOWS, Wheel

ROOT = Path(__file__).parents[2]

SELF_CHECK = """
import sys
sys.path.append(sys.argv[1])
from tests.cpu.libunicorn import transplant
write_protect = transplant.install(sys.argv[2])
from emu.cpu.engine import layout, verify
verify()
print(layout.discover())
"""

CALLS_WITHOUT_WRITE_ACCESS = """
from emu.cpu.engine import library
from unicorn.arm64_const import UC_ARM64_REG_CP_REG
nop, dbgbcr0_el1, enabled_at_el1 = 0xD503201F, (0, 0, 2, 0, 5), 0x1E5
core = layout._Experiment(nop, nop)
core.run(1)
core.uc.reg_write(UC_ARM64_REG_CP_REG, (*dbgbcr0_el1, enabled_at_el1))
functions, env = library.load(), core.cpu + layout.discover().cpu_env
write_protect(True)
functions.tlb_flush(core.cpu)
functions.tlb_flush_page(core.cpu, layout._CODE)
functions.invalidate_translations(core.uc_struct, 0, layout._PAGE_BYTES)
functions.flush_translations(core.cpu)
functions.arm_breakpoints(core.cpu)
functions.rebuild_hflags(env)
functions.reset_interrupt(core.cpu, layout.CPU_INTERRUPT_HARD)
write_protect(False)
"""

LibraryOf = Callable[[Wheel], Path]

each_usable = pytest.mark.parametrize("wheel", LINUX + MACOS, ids=lambda wheel: str(wheel.tag))


@cache
def image_in(path: Path) -> Image:
    """The shared library in a file."""
    data = path.read_bytes()
    return elf.read(data) if data.startswith(elf.MAGIC) else macho.read(data)


def emulated(path: Path) -> EmulatedLibrary:
    """The shared library in a file, ready to be called."""
    return EmulatedLibrary(image_in(path))


def elements(field: str) -> list[tuple[int, int]]:
    """Offset and size of each element of a field of ARMCPRegInfo."""
    at = getattr(_RegisterInfo, field)
    size = min(at.size, ctypes.sizeof(ctypes.c_void_p))
    return [(offset, size) for offset in range(at.offset, at.offset + at.size, size)]


def row(wheel: Wheel, found: Layout) -> str:
    """A line of the table in docs/engine.md."""
    numbers = (
        found.uc_emu_counter,
        found.uc_emu_count,
        found.uc_no_exit_request,
        found.cpu_interrupt_request,
        found.cpu_halted,
        found.cpu_exception_index,
        found.cpu_env,
        found.env_x0,
        found.env_pc,
        found.env_syndrome,
        found.env_exclusive_addr,
        found.env_isar,
    )
    return f"| {wheel.tag} | {' | '.join(f'{number:#x}' for number in numbers)} |"


@each_usable
def test_every_function_is_exported(wheel: Wheel, library_of: LibraryOf) -> None:
    assert library.PROTOTYPES.keys() - image_in(library_of(wheel)).exports.keys() == set()


def test_windows_exports_the_public_functions_only(library_of: LibraryOf) -> None:
    exported = pe.exported_names(library_of(WINDOWS).read_bytes())
    public = {name for name in library.PROTOTYPES if name.startswith("uc_")}
    assert library.PROTOTYPES.keys() & exported == public


@pytest.mark.parametrize("symbol", library.PROTOTYPES)
def test_a_function_that_is_not_exported_is_named(symbol: str) -> None:
    with pytest.raises(EngineError, match=f"does not export {symbol}: machines can't run here"):
        library.bind(SimpleNamespace(), symbol)  # type: ignore[arg-type]  # quacks like a DLL


@each_usable
def test_what_the_experiments_look_for_is_where_they_look(
    wheel: Wheel, library_of: LibraryOf
) -> None:
    at = offsets.layout_of(emulated(library_of(wheel)))
    assert max(at.uc_emu_counter, at.uc_emu_count) + 8 <= layout.UC_STRUCT_SCANNED_BYTES
    assert at.uc_no_exit_request + 2 <= layout.UC_STRUCT_SCANNED_BYTES
    assert max(at.cpu_halted, at.cpu_exception_index) + 4 <= layout.ARMCPU_SCANNED_BYTES
    assert at.cpu_env + at.env_x0 + 31 * 8 <= layout.ARMCPU_SCANNED_BYTES
    assert max(at.env_syndrome + 20, at.env_exclusive_addr + 16) <= layout.ENV_SCANNED_BYTES
    assert at.env_isar + 8 * len(layout.ISA_REGISTERS) <= layout.ISAR_SCANNED_BYTES


@each_usable
def test_the_experiments_look_nowhere_but_in_the_structures(
    wheel: Wheel, library_of: LibraryOf
) -> None:
    emulated_library = emulated(library_of(wheel))
    cpu_env = offsets.layout_of(emulated_library).cpu_env
    extents = offsets.extents_of(emulated_library, cpu_env)
    assert extents.uc_struct_bytes >= layout.UC_STRUCT_SCANNED_BYTES
    assert extents.armcpu_bytes >= max(
        layout.ARMCPU_SCANNED_BYTES, cpu_env + layout.ISAR_SCANNED_BYTES
    )


@each_usable
def test_the_core_reads_a_register_definition_as_it_is_written(
    wheel: Wheel, library_of: LibraryOf
) -> None:
    definition = _RegisterInfo(name=b"TEST", crn=15, crm=15, opc2=7)
    read = offsets.fields_read_of(bytes(definition), emulated(library_of(wheel)))
    declared = dict(element for name, *_ in _RegisterInfo._fields_ for element in elements(name))
    assert {(o, size) for o, size in read if size > declared.get(o, 0)} == set()
    used = ("crm", "opc1", "state", "type", "secure", "accessfn", "readfn", "writefn", "raw_readfn")
    assert {name for name in used if getattr(_RegisterInfo, name).offset not in dict(read)} == set()


@each_usable
def test_the_documented_offsets_are_those_of_the_library(
    wheel: Wheel, library_of: LibraryOf
) -> None:
    table = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8").splitlines()
    assert row(wheel, offsets.layout_of(emulated(library_of(wheel)))) in table


def test_discovery_agrees_with_what_the_library_says_of_itself() -> None:
    """On this computer, whichever wheel is installed."""
    assert offsets.layout_of(emulated(Path(uclib._name))) == layout.discover()


@pytest.fixture
def dylib(library_of: LibraryOf) -> Path:
    """The macOS library whose code this computer can run."""
    machine = platform.machine().replace("aarch64", "arm64")
    wheel = next((wheel for wheel in MACOS if wheel.machine == machine), None)
    if wheel is None or sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        pytest.skip(f"macOS's libraries can't be run on {sys.platform} on {machine}")
    return library_of(wheel)


def run_on(dylib: Path, program: str) -> str:
    """What a program prints that runs with this library in place of the installed one."""
    command = [sys.executable, "-P", "-c", program, str(ROOT), str(dylib)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_macos_library_passes_the_self_check(dylib: Path) -> None:
    assert run_on(dylib, SELF_CHECK) == f"{offsets.layout_of(emulated(dylib))}\n"


def test_on_macos_no_function_of_ours_writes_generated_code(dylib: Path) -> None:
    """A callback runs while Apple silicon forbids that; what writes it ends the process."""
    run_on(dylib, SELF_CHECK + CALLS_WITHOUT_WRITE_ACCESS)
