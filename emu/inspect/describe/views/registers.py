"""What `describe` tells of registers and of opaque bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegisterView:
    """One register.

    Attributes:
        value: a number; of more than 64 bits, text in hexadecimal.
        key: what the list that holds it has for a name, or None: squib's key, KVM's one_reg id.
        known: whether the key is one that this project knows.
        fields: decoded fields in datasheet order; None where no layout is known.
        size_bytes: its width.
    """

    name: str
    value: int | str
    key: int | None = None
    known: bool = True
    fields: Mapping[str, str] | None = None
    size_bytes: int = 8


@dataclass(frozen=True, slots=True)
class Section:
    """Registers that belong together."""

    title: str
    registers: tuple[RegisterView, ...]


@dataclass(frozen=True, slots=True)
class BlobView:
    """An opaque field.

    Attributes:
        preview: the first bytes, in hexadecimal.
        maker: who wrote it, if that is known.
        note: why it can't be read, if it should be.
    """

    size_bytes: int
    preview: str
    maker: str | None = None
    note: str | None = None
