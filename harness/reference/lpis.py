"""LPIs and their tables, to compare others with: one record an LPI, and loops.

It is written from the architecture (IHI 0069 H, 5.1 and 12.11) and from what KVM's GIC does where
that leaves a choice (arch/arm64/kvm/vgic/vgic-its.c and vgic-v3.c), and shares no code with
`emu.gic`. Nothing else is signalled here, and nothing is ever running.
"""

from __future__ import annotations

from dataclasses import dataclass

NOTHING = 1023
"""No LPI: the spurious INTID."""


@dataclass
class Lpi:
    """What the GIC knows of an LPI."""

    vcpu: int | None
    config: int
    pending: bool = False


class ReferenceLpis:
    """The LPIs of a GIC, and the LPI part of each redistributor.

    Args:
        base: guest-physical address of the memory.
        memory: a copy of it, which is this model's own.
        vcpu_count: number of vCPUs.
    """

    def __init__(self, base: int, memory: bytes, vcpu_count: int) -> None:
        self.base = base
        self.memory = bytearray(memory)
        self.vcpu_count = vcpu_count
        self.lpis: dict[int, Lpi] = {}
        self.lpis_enabled = [False] * vcpu_count
        self.propbaser = 0x580
        self.pendbaser = [0x580] * vcpu_count

    # --- memory -------------------------------------------------------------------------------

    def _has(self, address: int, size: int) -> bool:
        return self.base <= address and address + size <= self.base + len(self.memory)

    def _load(self, address: int, size: int) -> int:
        start = address - self.base
        return int.from_bytes(self.memory[start : start + size], "little")

    def _store(self, address: int, size: int, value: int) -> None:
        start = address - self.base
        self.memory[start : start + size] = value.to_bytes(size, "little")

    # --- what a vCPU is signalled ---------------------------------------------------------------

    def signalled(self, vcpu: int, priority_mask: int) -> int:
        """The LPI of the highest priority, of equal ones the lowest; `NOTHING` if there is none."""
        best = NOTHING
        best_priority = priority_mask
        for intid, lpi in sorted(self.lpis.items()):
            if not (lpi.pending and lpi.config & 1 and lpi.vcpu == vcpu):
                continue
            if self.lpis_enabled[vcpu] and lpi.config // 8 * 8 < best_priority:
                best, best_priority = intid, lpi.config // 8 * 8
        return best

    def acknowledge(self, vcpu: int, priority_mask: int) -> int:
        """The signalled LPI, which is not pending any more, and never active."""
        intid = self.signalled(vcpu, priority_mask)
        if intid != NOTHING:
            self.lpis[intid].pending = False
        return intid

    # --- redistributors -------------------------------------------------------------------------

    def _config_address(self, intid: int) -> int:
        return (self.propbaser & 0x000F_FFFF_FFFF_F000) + intid - 8192

    def _pending_address(self, vcpu: int, intid: int) -> int:
        return (self.pendbaser[vcpu] & 0x000F_FFFF_FFFF_0000) + intid // 8

    def _reload(self, intid: int) -> bool:
        """Read an LPI's configuration anew. Whether that is in memory."""
        if not self._has(self._config_address(intid), 1):
            return False
        self.lpis[intid].config = self._load(self._config_address(intid), 1)
        return True

    def enable_lpis(self, vcpu: int, enable: bool) -> None:
        """GICR_CTLR.EnableLPIs."""
        was_enabled, self.lpis_enabled[vcpu] = self.lpis_enabled[vcpu], enable
        if was_enabled or not enable:
            return
        for intid, lpi in self.lpis.items():
            if lpi.vcpu != vcpu:
                continue
            if self.pendbaser[vcpu] >> 62 & 1:
                lpi.pending = False
                continue
            address = self._pending_address(vcpu, intid)
            if not self._has(address, 1):
                return
            lpi.pending = self._load(address, 1) >> intid % 8 & 1 == 1

    def invalidate(self, vcpu: int, intid: int) -> None:
        """GICR_INVLPIR."""
        if self.lpis_enabled[vcpu] and intid in self.lpis:
            self._reload(intid)

    def invalidate_all(self, vcpu: int) -> None:
        """GICR_INVALLR."""
        if self.lpis_enabled[vcpu]:
            self._reload_all(vcpu)

    def _reload_all(self, vcpu: int) -> None:
        for intid, lpi in self.lpis.items():
            if lpi.vcpu == vcpu:
                self._reload(intid)

    def save_pending_tables(self) -> None:
        """SAVE_PENDING_TABLES, where all of them are in memory."""
        for intid, lpi in self.lpis.items():
            if lpi.vcpu is not None:
                self._set_pending_bit(lpi.vcpu, intid, lpi.pending)

    def _set_pending_bit(self, vcpu: int, intid: int, pending: bool) -> None:
        address = self._pending_address(vcpu, intid)
        others = self._load(address, 1) & ~(1 << intid % 8)
        self._store(address, 1, others + (pending << intid % 8))

    def _add_lpi(self, intid: int, vcpu: int | None) -> bool:
        if not self._has(self._config_address(intid), 1):
            return False
        lpi = Lpi(vcpu, self._load(self._config_address(intid), 1))
        if vcpu is not None:
            address = self._pending_address(vcpu, intid)
            if not self._has(address, 1):
                return False
            lpi.pending = self._load(address, 1) >> intid % 8 & 1 == 1
            self._set_pending_bit(vcpu, intid, False)
        self.lpis[intid] = lpi
        return True
