"""What the GIC says it is."""

from __future__ import annotations

from typing import Final

from emu.arch.gicv3 import GIC_IIDR, GIC_PIDR2

_KVM: Final = GIC_IIDR().replace(ProductID=ord("K"), Implementer=0x43B)
"""KVM's virtual GIC: guests take quirks from here, and it has none."""

GICD_IIDR: Final = int(_KVM.replace(Revision=3))
"""KVM's distributor, revision 3: groups are the guest's to configure, GICR_CTLR.IR is set
(include/kvm/arm_vgic.h, Linux 6.1)."""

GICR_IIDR: Final = int(_KVM)
"""KVM's redistributors have no revision (vgic_mmio_read_v3r_iidr in
arch/arm64/kvm/vgic/vgic-mmio-v3.c, Linux 6.1)."""

PIDR2: Final = int(GIC_PIDR2().replace(ArchRev=3, JEDEC=1, DES_1=0b011))
"""GICv3, designed by Arm (JEP106 code 0x3B)."""
