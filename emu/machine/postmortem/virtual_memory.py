"""Guest memory by virtual address, as a vCPU sees it at present."""

from __future__ import annotations

from emu.core.ram import Ram
from emu.cpu import Vcpu
from emu.errors import GuestError

_PAGE_BYTES = 0x1000
_ADDRESS_MASK = (1 << 64) - 1


def read_virtual(vcpu: Vcpu, ram: Ram, address: int, size: int) -> bytes | None:
    """`size` bytes at a virtual address; None if not all of them are mapped to RAM.

    Devices are left alone: reading them may change them.
    """
    parts = []
    while size:
        in_page = min(size, _PAGE_BYTES - address % _PAGE_BYTES)
        physical = vcpu.engine.translate(address)
        if physical is None:
            return None
        try:
            parts.append(ram.read(physical, in_page))
        except GuestError:
            return None
        address, size = (address + in_page) & _ADDRESS_MASK, size - in_page
    return b"".join(parts)
