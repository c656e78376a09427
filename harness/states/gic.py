"""The interrupt controller of a booted Linux, as KVM reads it to user space.

Sources: Linux 6.1, `drivers/irqchip/irq-gic-v3.c` and `irq-gic-v3-its.c` for what a guest writes;
`arch/arm64/kvm/vgic/vgic-mmio-v3.c` and `vgic-its.c` for what is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from emu.formats.firecracker.gic import SPI_COUNT, Entry
from emu.wire.facts import Facts
from harness.states.guest import PAGE
from harness.states.vcpus import mpidr
from harness.states.vm import Vm

_DIST_BASE = 0x3FFF_0000
_REDIST_SIZE = 0x2_0000
_ITS_SIZE = 0x2_0000

_WORD = 0xFFFF_FFFF
_IPIS = 0x7F
_PPIS_TIMER = 1 << 27
_PRIORITY = 0xA0A0_A0A0
_EDGE = 0b10

_LPI_ID_BITS = 16
_CACHEABLE = 7
_INNER_SHAREABLE = 1
_QUEUE_SIZE = 0x1_0000
_COMMAND_SIZE = 32
_TABLES = ((1, 8), (4, 8))
"""Type and entry size of the tables of GITS_BASER0 and 1: devices, collections."""


def its_base(vcpu_count: int) -> int:
    """Guest address of the ITS, which is below the redistributors."""
    return _DIST_BASE - vcpu_count * _REDIST_SIZE - _ITS_SIZE


class Gic:
    """The registers of a GICv3 whose interrupts `gsis` are in use."""

    def __init__(self, vm: Vm, gsis: Iterable[int]) -> None:
        self._machine = vm.machine
        self._release = vm.release
        self._guest = vm.guest
        self._spis = sorted(gsis)
        self._lpi_tables = vm.guest.pages(16) if vm.release.pci else 0

    def facts(self) -> Facts:
        """The fields of `GicState`."""
        lists = self._release.gic
        return {
            "dist": _rows(lists.dist, self._distributor()),
            "gic_vcpu_states": [self._vcpu() for _ in range(self._machine.vcpus)],
            "its_state": self._its() if self._release.pci else None,
        }

    def _distributor(self) -> dict[str, int]:
        """The rows that are not zero, each as one number."""
        enabled = sum(1 << spi for spi in self._spis)
        routes = {spi: self._guest.random.randrange(self._machine.vcpus) for spi in self._spis}
        return {
            "GICD_CTLR": 0x52,  # DS, ARE, EnableGrp1
            "GICD_STATUSR": _WORD,
            "GICD_ICENABLER": enabled,
            "GICD_ISENABLER": enabled,
            "GICD_IGROUPR": (1 << SPI_COUNT) - 1,
            "GICD_IROUTER": sum((mpidr(vcpu) & 0xFFFF) << 64 * spi for spi, vcpu in routes.items()),
            "GICD_ICFGR": sum(_EDGE << 2 * spi for spi in self._spis),
            "GICD_IPRIORITYR": _repeated(_PRIORITY, SPI_COUNT // 4),
        }

    def _vcpu(self) -> Facts:
        lists = self._release.gic
        return {
            "rdist": _rows(lists.rdist, self._redistributor()),
            "icc": {
                "main_icc_regs": _rows(lists.main_icc_regs, _CPU_INTERFACE),
                "ap_icc_regs": [
                    _chunks(entry, 0) if entry.name in _ACTIVE_PRIORITIES else None
                    for entry in lists.ap_icc_regs
                ],
            },
        }

    def _redistributor(self) -> dict[str, int]:
        enabled = _IPIS | _PPIS_TIMER
        rows = {
            "GICR_STATUSR": _WORD,
            "GICR_CTLR": 0 if self._machine.kernel == "5.10" else 0b110,  # IR, CES
            "GICR_IGROUPR": _WORD,
            "GICR_ICENABLER": enabled,
            "GICR_ISENABLER": enabled,
            "GICR_ICFGR": _repeated(_EDGE << 2 | _EDGE, 8, bits=4),
            "GICR_IPRIORITYR": _repeated(_PRIORITY, 8),
        }
        return {**rows, **self._lpis(rows["GICR_CTLR"])} if self._release.pci else rows

    def _lpis(self, control: int) -> dict[str, int]:
        """What Linux has set up for LPIs; the tables of what is pending are one per vCPU."""
        return {
            "GICR_CTLR": control | 1,  # EnableLPIs
            "GICR_PROPBASER": self._lpi_tables | _CACHEABLE << 7 | _LPI_ID_BITS - 1,
            "GICR_PENDBASER": self._guest.pages(16) | _INNER_SHAREABLE << 10 | _CACHEABLE << 7,
        }

    def _its(self) -> Facts:
        queued = self._guest.random.randrange(0, _QUEUE_SIZE, _COMMAND_SIZE)
        attributes = 1 << 63 | _CACHEABLE << 59 | _INNER_SHAREABLE << 10
        tables = [
            attributes | kind << 56 | (size - 1) << 48 | self._guest.pages(32) | 2 << 8
            for kind, size in _TABLES
        ]
        return {
            "iidr": 0x4B00_043B,  # KVM, revision 0, Arm
            "cbaser": attributes | self._guest.pages(32) | _QUEUE_SIZE // PAGE - 1,
            "creadr": queued,
            "cwriter": queued,
            "baser": [*tables, *[0] * 6],
            "ctlr": 0x8000_0001,  # quiescent, enabled
        }


_CPU_INTERFACE: Final = {
    "ICC_SRE_EL1": 0b111,
    "ICC_CTLR_EL1": 0x8C00,  # Aff3, 24 bits of INTID, 5 bits of priority
    "ICC_IGRPEN1_EL1": 1,
    "ICC_PMR_EL1": 0xF0,
    "ICC_BPR0_EL1": 2,
    "ICC_BPR1_EL1": 3,
}

_ACTIVE_PRIORITIES: Final = ("ICC_AP0R0_EL1", "ICC_AP1R0_EL1")
"""Those that five bits of priority take."""


def _repeated(value: int, count: int, bits: int = 32) -> int:
    return sum(value << bits * index for index in range(count))


def _rows(entries: Sequence[Entry], rows: dict[str, int]) -> list[Facts]:
    return [_chunks(entry, rows.get(entry.name, 0)) for entry in entries]


def _chunks(entry: Entry, row: int) -> Facts:
    bits = 8 * entry.chunk_size_bytes
    mask = (1 << bits) - 1
    return {"chunks": [row >> bits * index & mask for index in range(entry.chunk_count)]}
