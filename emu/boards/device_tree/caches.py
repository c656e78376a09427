"""The caches of a vCPU, as a device tree tells them.

Firecracker tells its guest what `/sys` tells of the host's caches (`cache_info.rs`). Here the host
is the CPU model: a cache is what CLIDR_EL1 names and CCSIDR_EL1 measures, and each CPU has its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from emu.arch.id_layouts import CCSIDR_EL1, CLIDR_EL1
from emu.core.fdt import EMPTY, Node, cells, strings
from emu.cpu.model import CpuModel

_LAST_PHANDLE: Final = 4000
"""Those of caches count down from here."""

_LEVELS: Final = 7
_INSTRUCTION, _DATA, _BOTH, _UNIFIED = 1, 2, 3, 4  # CLIDR_EL1.Ctype


@dataclass(frozen=True, slots=True)
class Cache:
    """One cache.

    Attributes:
        level: 1 is next to the CPU.
        prefix: what the names of its properties begin with: `i-cache`, `d-cache` or `cache`.
        size_bytes: all of it.
        line_size_bytes: one line.
        set_count: its sets.
    """

    level: int
    prefix: str
    size_bytes: int
    line_size_bytes: int
    set_count: int

    def properties(self) -> dict[str, bytes]:
        """Its geometry."""
        return {
            f"{self.prefix}-size": cells(self.size_bytes),
            f"{self.prefix}-line-size": cells(self.line_size_bytes),
            f"{self.prefix}-sets": cells(self.set_count),
        }


def caches(model: CpuModel) -> Iterator[Cache]:
    """The caches of a CPU model, by level; of one level, data before instructions, as Linux's."""
    clidr = CLIDR_EL1(model.id_registers.get("CLIDR_EL1", 0))
    for level in range(1, _LEVELS + 1):
        kind = getattr(clidr, f"Ctype{level}")
        selector = (level - 1) << 1
        if kind in (_DATA, _BOTH):
            yield _cache(level, "d-cache", model.ccsidr[selector])
        if kind in (_INSTRUCTION, _BOTH):
            yield _cache(level, "i-cache", model.ccsidr[selector | 1])
        if kind == _UNIFIED:
            yield _cache(level, "cache", model.ccsidr[selector])


def add_caches(cpu: Node, model: CpuModel, *, index: int, cpu_count: int) -> None:
    """Add the caches of CPU `index` to its node: the first level's to its properties, each other
    level as a node within, to which `next-level-cache` points.
    """
    node = cpu
    for cache in caches(model):
        if cache.level > 1:
            phandle = cells(_LAST_PHANDLE - (cpu_count * (cache.level - 2) + index))
            node.properties["next-level-cache"] = phandle
            node = _cache_node(cache, index, phandle)
            cpu.children.append(node)
        else:
            cpu.properties |= cache.properties()


def _cache_node(cache: Cache, index: int, phandle: bytes) -> Node:
    return Node(
        f"l{cache.level}-{index}-cache",
        {
            "phandle": phandle,
            "compatible": strings("cache"),
            "cache-level": cells(cache.level),
            **cache.properties(),
            "cache-unified": EMPTY,
        },
    )


def _cache(level: int, prefix: str, ccsidr: int) -> Cache:
    geometry = CCSIDR_EL1(ccsidr)
    line_size_bytes = 1 << (geometry.LineSize + 4)
    set_count = geometry.NumSets + 1
    size_bytes = line_size_bytes * set_count * (geometry.Associativity + 1)
    return Cache(level, prefix, size_bytes, line_size_bytes, set_count)
