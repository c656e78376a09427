"""What the device tree of a board says beyond addresses and interrupts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SquibTree:
    """As squib writes it (`specs/13-arch-and-boot.md`, section 6).

    Attributes:
        model: `model` of the root.
        compatible: `compatible` of the root.
        rng_seed_size_bytes: size of the `rng-seed` in `chosen`; 0, since there is none.
    """

    model: str
    compatible: tuple[str, ...]
    rng_seed_size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class FirecrackerTree:
    """As Firecracker writes it (`src/vmm/src/arch/aarch64/fdt.rs` of each release).

    Attributes:
        virtio_is_coherent: whether virtio transports are `dma-coherent` (from v1.14).
        rng_seed_size_bytes: size of the `rng-seed` in `chosen`, which then has
            `linux,pci-probe-only` too (from v1.16); 0 if there is none.
    """

    virtio_is_coherent: bool = False
    rng_seed_size_bytes: int = 0
