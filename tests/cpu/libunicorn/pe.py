"""The exports of a Windows DLL. Source: PE Format, "The .edata Section"."""

from __future__ import annotations

import struct
from collections.abc import Set

from tests.cpu.libunicorn.image import string_at


def exported_names(data: bytes) -> Set[str]:
    """The names in the export directory of a 64-bit (PE32+) library."""
    (header,) = struct.unpack_from("<I", data, 0x3C)
    (section_count,) = struct.unpack_from("<H", data, header + 6)
    (optional_bytes,) = struct.unpack_from("<H", data, header + 20)
    optional = header + 24
    sections: list[tuple[int, ...]] = [
        struct.unpack_from("<4I", data, optional + optional_bytes + 40 * i + 8)
        for i in range(section_count)
    ]

    def offset_of(address: int) -> int:
        return next(
            raw + address - begin
            for _, begin, raw_bytes, raw in sections
            if begin <= address < begin + raw_bytes
        )

    directory = offset_of(struct.unpack_from("<I", data, optional + 112)[0])
    count, _, names = struct.unpack_from("<3I", data, directory + 24)
    addresses = struct.unpack_from(f"<{count}I", data, offset_of(names))
    return {string_at(data, offset_of(address)) for address in addresses}
