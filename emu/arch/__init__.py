"""Arm facts as data: system registers, GIC and device register maps, bit layouts, PSCI ids."""
