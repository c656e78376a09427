"""Kernels of a few instructions, as arm64 Images."""

from __future__ import annotations

import struct
from pathlib import Path

from emu.boards.squib import SQUIB
from tests import a64

HEADER_BYTES = 64
CODE = SQUIB.kernel_base + HEADER_BYTES
"""Where the first instruction behind the header is, on the squib board."""

SYSTEM_OFF = (
    0xD2B08000,  # mov x0, #0x84000000
    0xF2800100,  # movk x0, #8
    a64.hvc(),
)
SYSTEM_RESET = (0xD2B08000, 0xF2800120, a64.hvc())

TO_NOWHERE = (
    0xD2AE0001,  # mov x1, #0x70000000
    a64.msr("VBAR_EL1", 1),
    a64.BR_X1,
)
"""A branch to where the board has nothing; so are the vectors."""

VECTORS_AT_IMAGE = (
    0xD2B00401,  # mov x1, #0x80200000
    a64.msr("VBAR_EL1", 1),
)

TWO_SPIN = (
    0xD2B88000,  # mov x0, #0xc4000000
    0xF2800060,  # movk x0, #3: CPU_ON
    0xD2800021,  # mov x1, #1: the second vCPU
    0x10000062,  # adr x2, second
    a64.hvc(),
    a64.B_SELF,
    a64.B_SELF,  # second
)
"""Turns the second vCPU on; then both spin."""

ECHO = (
    0xD2A1C141,  # mov x1, #0xe0a0000, the PL011
    0x52806022,  # mov w2, #0x301
    0xB9003022,  # str w2, [x1, #0x30]: CR, UARTEN, TXE and RXE
    0x52800A02,  # mov w2, #0x50
    0xB9003822,  # str w2, [x1, #0x38]: IMSC, RX and RT
    0xB9401820,  # ldr w0, [x1, #0x18]: FR
    0x37200080,  # tbnz w0, #4, off: RXFE
    0xB9400022,  # ldr w2, [x1]: DR
    a64.STR_W2_X1,
    0x17FFFFFC,  # b back to FR
    *SYSTEM_OFF,
)
"""Sends back what it receives, and powers off when there is no more."""


def kernel(*instructions: int) -> bytes:
    """An Image that begins with these instructions."""
    code = struct.pack(f"<{len(instructions)}I", *instructions)
    branch = 0x1400_0000 | HEADER_BYTES // 4
    size_bytes = HEADER_BYTES + len(code)
    header = struct.pack("<2I6Q4sI", branch, 0, 0, size_bytes, 0b1010, 0, 0, 0, b"ARM\x64", 0)
    return header + code


def kernel_file(folder: Path, *instructions: int) -> Path:
    """Such an Image in a file."""
    path = folder / "Image"
    path.write_bytes(kernel(*instructions))
    return path
