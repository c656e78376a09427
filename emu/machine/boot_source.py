"""What a machine was booted from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BootSource:
    """Names for a snapshot to carry, which mean nothing here.

    Attributes:
        kernel_image_path: the kernel's file.
        initrd_path: the initial RAM disk's, if there is one.
        boot_args: the command line that the user gave; None if the monitor took its own.
    """

    kernel_image_path: str = ""
    initrd_path: str | None = None
    boot_args: str | None = ""
