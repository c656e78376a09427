"""Types whose `Serialize` or `Deserialize` is hand-written, and those of the C interface of KVM.

The texts accept what Rust's parsers accept, which is more than Firecracker writes: numbers may
have a plus sign and leading zeros (`FromStr` of Rust's integers, `from_str_radix`).

Sources: Firecracker v1.9.0 to v1.16.1, the same rules in all of them: `templates.rs`
(`KvmCapability`), `net/mac.rs`, `arch/aarch64/regs.rs`; v1.13.0 to v1.15.1, `pci/src/lib.rs`
(`PciBdf`). The crate kvm-bindings 0.9.0 to 0.14.1, `serialize.rs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Final

from emu.arch import one_reg
from emu.errors import EncodeError
from emu.wire.nodes import IntNode, TextNode
from emu.wire.schema import Struct, u64

NonZeroU32 = Annotated[int, IntNode(32, nonzero=True)]
NonZeroU64 = Annotated[int, IntNode(64, nonzero=True)]
"""Also Rust's `NonZeroUsize`."""

kvm_mp_state = bytes
"""`struct kvm_mp_state`: a u32, little-endian.

Firecracker writes 4 bytes, and reads any number of them: missing ones are 0, others are left out.
"""

kvm_vcpu_init = bytes
"""`struct kvm_vcpu_init`: the u32 `target` and seven u32 `features`, little-endian.

Firecracker writes 32 bytes, and reads any number of them: missing ones are 0, others are left out.
"""

KVM_MP_STATE_SIZE_BYTES: Final = 4
KVM_VCPU_INIT_SIZE_BYTES: Final = 32


# --- texts -----------------------------------------------------------------------------------


def _text(name: str, pattern: str) -> TextNode:
    """A text of which the pattern is the complete rule."""
    compiled = re.compile(pattern)
    return TextNode(name, pattern, lambda text: compiled.fullmatch(text) is not None)


def _hex(digits: int) -> str:
    """What Rust reads as an unsigned hexadecimal number of that many digits."""
    return rf"\+?0*[0-9A-Fa-f]{{1,{digits}}}"


_U32_MAX = (1 << 32) - 1
_KVM_CAPABILITY = re.compile(r"!?\+?0*([0-9]{1,10})")
_MAC_BYTE = r"[+0-9A-Fa-f][0-9A-Fa-f]"


def _is_kvm_capability(text: str) -> bool:
    match = _KVM_CAPABILITY.fullmatch(text)
    return match is not None and int(match[1]) <= _U32_MAX


KvmCapability = Annotated[
    str, TextNode("KVM capability", _KVM_CAPABILITY.pattern, _is_kvm_capability)
]
"""A capability that the host's KVM must have: a u32 in decimal; after "!" one not to look for."""

MacAddr = Annotated[str, _text("MAC address", f"{_MAC_BYTE}(?::{_MAC_BYTE}){{5}}")]
"""Six bytes of two hexadecimal digits with ":" between them; Firecracker writes small letters."""

PciBdf = Annotated[str, _text("PCI address", rf"{_hex(4)}:{_hex(2)}:{_hex(2)}\.{_hex(2)}")]
"""Segment, bus, device and function in hexadecimal, written as "0000:00:00.0".

Numbers that fit a byte are read for device and function; only their low 5 and 3 bits count.
"""


# --- registers -------------------------------------------------------------------------------

_SIZE_MAX_BYTES = 256


class Aarch64RegisterVec(Struct):
    """The registers of a vCPU, in the order in which KVM lists them.

    Attributes:
        ids: KVM one_reg ids.
        data: The values, in the order of the ids: each little-endian, of the size that its id says.
    """

    ids: list[u64]
    data: bytes

    def refusal(self) -> str | None:
        """A register of more than 2048 bits, or values that are not as long as the ids say."""
        sizes = [one_reg.size_bytes(register) for register in self.ids]
        for register, size in zip(self.ids, sizes, strict=True):
            if size > _SIZE_MAX_BYTES:
                return f"register {register:#018x} has {size * 8} bits; at most 2048 are read"
        if sum(sizes) != len(self.data):
            return f"data has {len(self.data)} bytes, but the {len(sizes)} ids say {sum(sizes)}"
        return None

    def registers(self) -> Iterator[tuple[int, int]]:
        """The id and the value of each register, provided that there is no `refusal`."""
        start = 0
        for register in self.ids:
            end = start + one_reg.size_bytes(register)
            yield register, int.from_bytes(self.data[start:end], "little")
            start = end

    @classmethod
    def of(cls, registers: Iterable[tuple[int, int]]) -> Aarch64RegisterVec:
        """The vector of those ids and values; raises `EncodeError` for a value that is too large.

        >>> Aarch64RegisterVec.of([(0x6020_0000_0010_00D4, 0x1F)]).data.hex()
        '1f000000'
        """
        pairs = list(registers)
        data = b"".join(_value_bytes(register, value) for register, value in pairs)
        return cls(ids=[register for register, _ in pairs], data=data)


def _value_bytes(register: int, value: int) -> bytes:
    size = one_reg.size_bytes(register)
    if not 0 <= value < 1 << 8 * size:
        raise EncodeError(
            f"the value {value:#x} of register {register:#018x} does not fit; its id says that it "
            f"has {size * 8} bits"
        )
    return value.to_bytes(size, "little")
