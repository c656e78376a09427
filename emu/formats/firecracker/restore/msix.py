"""What is asked of the message interrupts of PCI devices.

`MsixConfig::from_state` in `pci/msix.rs` (v1.13: `MsixConfig::new` in `src/pci/src/msix.rs`);
`MsixVectorGroup::restore` in `vstate/interrupts.rs` (v1.13: `vstate/vm.rs`);
`VirtioPciDevice::new_from_state` in `devices/virtio/transport/pci/device.rs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from emu.formats import checks
from emu.formats.firecracker.restore.devices import KINDS, Transport, transport_check
from emu.formats.loader import Check, Loader

VECTOR_COUNT_MAX: Final = 2048
GSI_MSI_FIRST: Final = 96
GSI_MSI_LAST: Final = 4095

_PBA_BITS = 64


def _vectors_of(path: str, device: Any) -> tuple[str, list[int]]:
    """The GSIs of a device's interrupts, and their path."""
    if hasattr(device, "msi_vector_group"):  # v1.13
        return f"{path}.msi_vector_group", device.msi_vector_group
    return f"{path}.msix_state.vectors", device.msix_state.vectors


def _surplus_vectors(path: str, device: Any) -> Iterator[str]:
    vectors_path, vectors = _vectors_of(path, device)
    if len(vectors) > VECTOR_COUNT_MAX:
        yield f"{vectors_path} has {len(vectors)} entries; expected {VECTOR_COUNT_MAX} at most"


def _unrouted_entries(path: str, device: Any) -> Iterator[str]:
    msix = device.msix_state
    vectors_path, vectors = _vectors_of(path, device)
    if not msix.enabled or msix.masked:
        return
    for index, entry in enumerate(msix.table_entries):
        if index >= len(vectors) and not entry.vector_ctl & 1:
            yield (
                f"{path}.msix_state.table_entries[{index}] is not masked, but {vectors_path} has "
                f"{len(vectors)} entries; expected one for each interrupt"
            )


def _uneven_msix(path: str, device: Any) -> Iterator[str]:
    yield from _surplus_vectors(path, device)
    msix = device.msix_state
    count = len(msix.vectors)
    pending = -(-count // _PBA_BITS)
    for field, expected in (("table_entries", count), ("pba_entries", pending)):
        found = len(getattr(msix, field))
        if found != expected:
            yield (
                f"{path}.msix_state.{field} has {found} entries; expected {expected}, for the "
                f"{count} entries of vectors"
            )


def _own_gsis(transport: Transport) -> Check:
    def faults(state: Any) -> Iterator[str]:
        taken: set[int] = set()
        for path, device in transport.transport_states(state):
            vectors_path, vectors = _vectors_of(path, device)
            for index, gsi in enumerate(vectors):
                if not GSI_MSI_FIRST <= gsi <= GSI_MSI_LAST or gsi in taken:
                    yield (
                        f"{vectors_path}[{index}] is {gsi}; expected {GSI_MSI_FIRST} to "
                        f"{GSI_MSI_LAST}, and one that no other interrupt has"
                    )
                taken.add(gsi)

    loader_error = transport.error(transport.manager, "InterruptError::Allocator")
    return checks.faultless("has message interrupts of their own", loader_error, faults)


def _enough_vectors(transport: Transport) -> Check:
    def faults(state: Any) -> Iterator[str]:
        for kind in KINDS:
            for path, device, virtio in transport.virtio_states(state, kind):
                vectors = device.transport_state.msix_state.vectors
                if len(vectors) != len(virtio.queues) + 1:
                    yield (
                        f"{path}.queues has {len(virtio.queues)} queues, and there are "
                        f"{len(vectors)} vectors in transport_state.msix_state; expected one for "
                        "each queue and one more"
                    )

    inner = "VirtioPciDeviceError::UnexpectedMsixVectorCount"
    loader_error = transport.error(transport.manager, inner)
    return checks.faultless("has an interrupt for each queue", loader_error, faults)


def _routed(transport: Transport, error: str) -> Check:
    rule = "has a route for each message interrupt"
    loader_error = transport.error(transport.manager, error)
    return transport_check(transport, rule, loader_error, _unrouted_entries)


def of_1_13(transport: Transport) -> Loader:
    """The interrupts of v1.13."""
    return (
        transport_check(
            transport,
            f"has at most {VECTOR_COUNT_MAX} interrupts of each PCI device",
            "panic: assertion failed: msix_vectors <= MAX_MSIX_VECTORS_PER_DEVICE",
            _surplus_vectors,
        ),
        _routed(transport, "MsixError::UpdateInterruptRoute"),
    )


def of_1_14(transport: Transport) -> Loader:
    """The interrupts of v1.14 to v1.16."""
    return (_routed(transport, "InterruptError::InvalidVectorIndex"),)


def of_main(transport: Transport) -> Loader:
    """The interrupts of main."""
    return (
        transport_check(
            transport,
            "has interrupt tables of one length",
            transport.error(transport.manager, "InterruptError::MsixStateSizeMismatch"),
            _uneven_msix,
        ),
        _own_gsis(transport),
        _enough_vectors(transport),
    )
