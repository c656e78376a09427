"""What the device tree of a board says beyond addresses and interrupts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SquibTree:
    """As squib writes it (`specs/13-arch-and-boot.md`, section 6).

    Attributes:
        model: `model` of the root.
        compatible: `compatible` of the root.
    """

    model: str
    compatible: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirecrackerTree:
    """As Firecracker writes it (`src/vmm/src/arch/aarch64/fdt.rs` of each release).

    Attributes:
        virtio_is_coherent: whether virtio transports are `dma-coherent` (from v1.14).
    """

    virtio_is_coherent: bool = False
