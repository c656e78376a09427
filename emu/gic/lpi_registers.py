"""The registers of a redistributor that LPIs need, as KVM has them.

Sources: vgic_mmio_write_v3r_ctlr, vgic_mmio_write_propbase, vgic_mmio_write_pendbase,
vgic_mmio_write_invlpi and vgic_mmio_write_invall in arch/arm64/kvm/vgic/vgic-mmio-v3.c, Linux 6.1.
"""

from __future__ import annotations

from emu.arch.gicv3 import GICR_CTLR, GICR_PENDBASER
from emu.errors import GuestError
from emu.gic.frame import Reader, Writer
from emu.gic.lpi_tables import (
    LpiBases,
    read_pendbaser,
    sanitise_pendbaser,
    sanitise_propbaser,
)
from emu.gic.lpis import Lpis

_INTID_MASK = 0xFFFF_FFFF


class LpiBaseRegisters:
    """GICR_PROPBASER and GICR_PENDBASER, which can't be changed while LPIs are enabled.

    Args:
        vcpu: index of the vCPU.
        bases: what they keep.
        lpis: None for a GIC without LPIs, where a VMM finds the registers all the same.

    Attributes:
        readers: the read functions, by name.
        writers: the write functions.
        held: what the registers hold, where it is not what is read.
    """

    def __init__(self, vcpu: int, bases: LpiBases, lpis: Lpis | None) -> None:
        self._vcpu = vcpu
        self._bases = bases
        self._lpis = lpis
        self.readers: dict[str, Reader] = {
            "GICR_PROPBASER": lambda _: bases.propbaser,
            "GICR_PENDBASER": lambda _: read_pendbaser(bases.pendbasers[vcpu]),
        }
        self.writers: dict[str, Writer] = {
            "GICR_PROPBASER": self._write_propbaser,
            "GICR_PENDBASER": self._write_pendbaser,
        }
        self.held: dict[str, Reader] = {"GICR_PENDBASER": lambda _: bases.pendbasers[vcpu]}

    @property
    def _is_fixed(self) -> bool:
        return self._lpis is not None and self._lpis.enabled[self._vcpu]

    def _write_propbaser(self, _: int, value: int) -> None:
        if not self._is_fixed:
            self._bases.propbaser = sanitise_propbaser(value)

    def _write_pendbaser(self, _: int, value: int) -> None:
        if not self._is_fixed:
            self._bases.pendbasers[self._vcpu] = sanitise_pendbaser(value)


class LpiControl:
    """GICR_CTLR.EnableLPIs, and the registers that invalidate what is kept of LPIs.

    Nothing is ever under way, so GICR_SYNCR reads as zero.

    Args:
        vcpu: index of the vCPU.
        bases: where the tables are.
        lpis: all LPIs.
        ctlr: the fixed bits of GICR_CTLR.

    Attributes:
        readers: the read functions of the registers, by name.
        writers: the write functions.
    """

    def __init__(self, vcpu: int, bases: LpiBases, lpis: Lpis, ctlr: int) -> None:
        self._vcpu = vcpu
        self._bases = bases
        self._lpis = lpis
        self.readers: dict[str, Reader] = {
            "GICR_CTLR": lambda _: ctlr | GICR_CTLR().replace(EnableLPIs=lpis.enabled[vcpu]).value,
            "GICR_INVLPIR": lambda _: 0,
            "GICR_INVALLR": lambda _: 0,
        }
        self.writers: dict[str, Writer] = {
            "GICR_CTLR": self._write_ctlr,
            "GICR_INVLPIR": self._invalidate,
            "GICR_INVALLR": self._invalidate_all,
        }

    def _write_ctlr(self, _: int, value: int) -> None:
        enable = bool(GICR_CTLR(value).EnableLPIs)
        if enable == self._lpis.enabled[self._vcpu]:
            return
        if enable:
            pendbaser = GICR_PENDBASER(self._bases.pendbasers[self._vcpu])
            self._lpis.enable(self._vcpu, all_zero=bool(pendbaser.PTZ))
        else:
            self._lpis.disable(self._vcpu)

    def _invalidate(self, _: int, value: int) -> None:
        """Any vCPU's register will do for any LPI. What is not in RAM stays as it was."""
        lpi = self._lpis.get(value & _INTID_MASK)
        if not self._lpis.enabled[self._vcpu] or lpi is None:
            return
        try:
            self._lpis.invalidate(lpi)
        except GuestError:
            return
        self._lpis.settle()

    def _invalidate_all(self, _: int, _value: int) -> None:
        if self._lpis.enabled[self._vcpu]:
            self._lpis.invalidate_all(self._vcpu)
            self._lpis.settle()
