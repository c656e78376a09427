"""Kernels as users have them: a raw arm64 Image, compressed, or in an EFI zboot program; and tests.

`image` is the arm64 header, `compressed` and `zboot` get at what is packed, `pe` reads the headers
of EFI programs, `flat` tells a program without a header, `foreign` what a file is that is neither.
"""

from emu.core.image.image import BASE_ALIGNMENT_BYTES, Image, ImageFlags

__all__ = ["BASE_ALIGNMENT_BYTES", "Image", "ImageFlags"]
