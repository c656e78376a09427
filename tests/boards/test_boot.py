"""Where kernel, initial RAM disk and device tree go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.boards.board import Window
from emu.boards.boot import boot_layout
from emu.core.image import Image, ImageFlags
from emu.errors import BoardError

SQUIB = boards.get("squib")
MIB = 1 << 20


def kernel(image_size_bytes: int, text_offset: int = 0) -> Image:
    return Image(b"", text_offset, image_size_bytes, ImageFlags(0xA))


def test_a_kernel_goes_text_offset_above_2_mib() -> None:
    layout = boot_layout(SQUIB, ram_size_bytes=128 * MIB, image=kernel(MIB, 0x8_0000))
    assert layout.kernel == Window(0x8028_0000, MIB)
    assert layout.initrd is None
    assert layout.fdt == Window(0x87E0_0000, 2 * MIB)


@pytest.mark.parametrize(
    ("image_size_bytes", "address"),
    [(MIB, 0x9000_0000), (238 * MIB, 0x9000_0000), (238 * MIB + 1, 0x9020_0000)],
)
def test_the_initial_ram_disk_is_at_256_mib_or_16_mib_after_the_kernel(
    image_size_bytes: int, address: int
) -> None:
    """Whichever is higher, and then up to the next 2 MiB."""
    layout = boot_layout(
        SQUIB, ram_size_bytes=512 * MIB, image=kernel(image_size_bytes), initrd_size_bytes=5
    )
    assert layout.initrd == Window(address, 5)


@given(
    ram_mib=st.integers(6, 1024),
    image_size_bytes=st.integers(1, 700 * MIB),
    initrd_size_bytes=st.integers(0, 700 * MIB),
)
def test_the_parts_are_in_ram_and_apart_or_refused(
    ram_mib: int, image_size_bytes: int, initrd_size_bytes: int
) -> None:
    try:
        layout = boot_layout(
            SQUIB,
            ram_size_bytes=ram_mib * MIB,
            image=kernel(image_size_bytes),
            initrd_size_bytes=initrd_size_bytes,
        )
    except BoardError:
        assert image_size_bytes + initrd_size_bytes > (ram_mib - 4 - 256) * MIB
        return
    ram = SQUIB.ram(ram_mib * MIB)
    parts = [SQUIB.system_memory, layout.kernel, layout.initrd or layout.fdt, layout.fdt]
    assert parts[0].end <= parts[1].base
    assert parts[1].end <= parts[2].base
    assert layout.initrd is None or layout.initrd.end <= layout.fdt.base
    assert layout.fdt.end == ram.end


def test_a_kernel_that_does_not_fit_is_refused_and_one_that_just_fits_is_not() -> None:
    with pytest.raises(BoardError, match=r"the kernel needs .* add at least 1 bytes of RAM"):
        boot_layout(SQUIB, ram_size_bytes=8 * MIB, image=kernel(4 * MIB + 1))
    assert boot_layout(SQUIB, ram_size_bytes=8 * MIB, image=kernel(4 * MIB)).initrd is None


def test_an_initial_ram_disk_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BoardError, match=r"the initial RAM disk needs \[0x90000000, 0x90000001\)"):
        boot_layout(SQUIB, ram_size_bytes=256 * MIB, image=kernel(MIB), initrd_size_bytes=1)
