"""Where kernel, initial RAM disk and device tree go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.boards.board import Board
from emu.boards.boot import boot_layout
from emu.boards.places import Window
from emu.core.image import Image, ImageFlags
from emu.errors import BoardError

SQUIB, FIRECRACKER = boards.get("squib"), boards.get("firecracker")
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


@pytest.mark.parametrize("initrd_size_bytes", [1, 4096, 4097, 3 * MIB])
def test_firecracker_puts_the_initial_ram_disk_just_below_the_device_tree(
    initrd_size_bytes: int,
) -> None:
    """In whole pages (`initrd_load_addr` in `src/vmm/src/arch/aarch64/mod.rs`, v1.16.0)."""
    layout = boot_layout(
        FIRECRACKER,
        ram_size_bytes=128 * MIB,
        image=kernel(MIB),
        initrd_size_bytes=initrd_size_bytes,
    )
    pages = -(-initrd_size_bytes // 4096)
    assert layout.initrd == Window(layout.fdt.base - pages * 4096, initrd_size_bytes)


@pytest.mark.parametrize(
    ("board", "above_kernel_bytes"),
    [(SQUIB, 256 * MIB), (FIRECRACKER, 0)],
    ids=lambda v: str(v)[:9],
)
@given(
    ram_mib=st.integers(6, 1024),
    image_size_bytes=st.integers(1, 700 * MIB),
    initrd_size_bytes=st.integers(0, 700 * MIB),
)
def test_the_parts_are_in_ram_and_apart_or_refused(
    board: Board,
    above_kernel_bytes: int,
    ram_mib: int,
    image_size_bytes: int,
    initrd_size_bytes: int,
) -> None:
    try:
        layout = boot_layout(
            board,
            ram_size_bytes=ram_mib * MIB,
            image=kernel(image_size_bytes),
            initrd_size_bytes=initrd_size_bytes,
        )
    except BoardError:
        needed = image_size_bytes + initrd_size_bytes + above_kernel_bytes + 4095
        assert needed > (ram_mib - 4) * MIB
        return
    ram = board.ram(ram_mib * MIB)
    parts = [board.system_memory, layout.kernel, layout.initrd or layout.fdt, layout.fdt]
    assert parts[0].end <= parts[1].base
    assert parts[1].end <= parts[2].base
    assert layout.initrd is None or layout.initrd.end <= layout.fdt.base
    assert layout.fdt.end == ram.end


def test_a_kernel_that_does_not_fit_is_refused_and_one_that_just_fits_is_not() -> None:
    with pytest.raises(BoardError, match=r"the kernel needs .* add at least 1 MiB of RAM"):
        boot_layout(SQUIB, ram_size_bytes=8 * MIB, image=kernel(4 * MIB + 1))
    assert boot_layout(SQUIB, ram_size_bytes=8 * MIB, image=kernel(4 * MIB)).initrd is None


def test_an_initial_ram_disk_that_does_not_fit_is_refused() -> None:
    """It tells how much more RAM there must be, and so much is enough."""

    def place(ram_size_bytes: int) -> Window | None:
        return boot_layout(
            FIRECRACKER,
            ram_size_bytes=ram_size_bytes,
            image=kernel(4 * MIB),
            initrd_size_bytes=MIB + 1,
        ).initrd

    with pytest.raises(BoardError, match=r"the kernel needs .* add at least 2 MiB of RAM"):
        place(8 * MIB)
    assert place(10 * MIB) is not None
    with pytest.raises(BoardError, match=r"the initial RAM disk needs \[0x90000000, 0x90000001\)"):
        boot_layout(SQUIB, ram_size_bytes=256 * MIB, image=kernel(MIB), initrd_size_bytes=1)
