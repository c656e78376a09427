"""What can be wrong with a state, and what each release calls it, in the order of its loader."""

from __future__ import annotations

from tests.formats.firecracker.bus_faults import (
    ACPI_OF_MAIN,
    ACPI_UP_TO_1_16,
    LEGACY,
    MMIO,
    PCI,
    PCI_BUS,
)
from tests.formats.firecracker.device_faults import OnBus
from tests.formats.firecracker.fault import Fault
from tests.formats.firecracker.state_faults import MACHINE, VCPUS

FAULTS: tuple[Fault, ...] = (
    *MACHINE,
    *VCPUS,
    *LEGACY,
    *ACPI_OF_MAIN,
    *OnBus("MMIO").faults(),
    *MMIO,
    *ACPI_UP_TO_1_16,
    *PCI_BUS,
    *OnBus("PCI").faults(),
    *PCI,
)


def faults_of(name: str, transport: str) -> list[Fault]:
    """The faults that states of a release may have, in the order of its loader."""
    return [fault for fault in FAULTS if fault.concerns(name, transport)]
