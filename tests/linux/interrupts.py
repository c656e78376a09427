"""Reads /proc/interrupts of an arm64 kernel."""

from __future__ import annotations


def counts_by_name(text: str) -> dict[str, list[int]]:
    r"""How often each interrupt was taken, CPU by CPU; `Err` has one count for all.

    >>> counts_by_name("     CPU0  CPU1\n 11:  5  6  GICv3  27 Level  arch_timer\nErr:   0")
    {'arch_timer': [5, 6], 'Err': [0]}
    """
    header, *lines = text.splitlines()
    cpus = len(header.split())
    counts = {}
    for line in lines:
        label, *words = line.split()
        numbers = [int(word) for word in words[:cpus] if word.isdecimal()]
        what = words[len(numbers) :]
        # An interrupt of a controller has its INTID and trigger before its name; an IPI has none.
        is_of_controller = label.rstrip(":").isdecimal()
        name = what[-1] if is_of_controller else " ".join(what) or label.rstrip(":")
        counts[name] = numbers
    return counts
