"""Paravirtualized time: the record of stolen time that a vCPU and its hypervisor share.

Source: Arm DEN 0057 A, chapter 3.
"""

from __future__ import annotations

import struct
from typing import Final

STOLEN_TIME: Final = struct.Struct("<IIQ48x")
"""Revision and attributes, both 0; stolen time in nanoseconds; padding (3.2.2)."""

STOLEN_TIME_SIZE_BYTES: Final = STOLEN_TIME.size
STOLEN_TIME_ALIGNMENT: Final = 64

STOLEN_TIME_OFFSET: Final = 8
STOLEN_TIME_FIELD_SIZE_BYTES: Final = 8
