"""Kernels as users have them: a raw arm64 Image, compressed, or in an EFI zboot program.

`image` is the arm64 header, `compressed` and `zboot` get at what is packed, `pe` reads the headers
of EFI programs, `foreign` tells what a file is that is no such kernel.
"""

from emu.core.image.image import BASE_ALIGNMENT_BYTES, Image, ImageFlags

__all__ = ["BASE_ALIGNMENT_BYTES", "Image", "ImageFlags"]
