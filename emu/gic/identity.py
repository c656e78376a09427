"""What the GIC says it is."""

from __future__ import annotations

from typing import Final

from emu.arch.gicv3 import GIC_IIDR, GIC_PIDR2

IIDR: Final = int(GIC_IIDR().replace(ProductID=ord("K"), Revision=3, Implementer=0x43B))
"""KVM's virtual GIC, revision 3: guests take quirks from here, and KVM's has none
(arch/arm64/kvm/vgic/vgic.h and include/linux/irqchip/arm-gic-v3.h, Linux 6.6)."""

PIDR2: Final = int(GIC_PIDR2().replace(ArchRev=3, JEDEC=1, DES_1=0b011))
"""GICv3, designed by Arm (JEP106 code 0x3B)."""
