"""What each release asks of a state: each check finds its fault, in the release's order."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from emu.formats.firecracker import releases
from emu.formats.firecracker.restore.devices import BALLOON, KINDS, NET, VSOCK
from emu.formats.format import Format
from emu.formats.loader import Check, Loading, Problem, checks_of_values, problems
from tests.formats.firecracker.fault import Fault
from tests.formats.firecracker.faults import faults_of
from tests.formats.firecracker.states import RELEASES, Built, acceptable, release

# A state of main has virtio devices on one transport.
STATES = [(name, "MMIO") for name in RELEASES] + [("main", "PCI")]


def all_problems(built: Built) -> list[Problem]:
    """All that the loader has against what a state says."""
    loading = Loading(b"", header=built.snapshot.header, state=built.state)
    return list(problems(checks_of_values(built.release.loader), loading))


def first_error(built: Built) -> str | None:
    return next((problem.loader_error for problem in all_problems(built)), None)


def restoring(chosen: Format) -> tuple[Check, ...]:
    """The checks of the state, without those of the header."""
    return tuple(check for check in chosen.loader if check.needs == "state")


@pytest.mark.parametrize(("name", "transport"), STATES)
def test_a_state_with_a_device_of_each_kind_is_accepted(name: str, transport: str) -> None:
    built = acceptable(name, transport)
    assert built.release.verdict(built.release.encode(built.snapshot)).accepted


@cache
def findings(name: str, transport: str) -> list[tuple[Fault, list[Problem]]]:
    """What the loader has against states with one fault each."""
    found = []
    for fault in faults_of(name, transport):
        built = acceptable(name, transport)
        fault.mutate(built)
        found.append((fault, all_problems(built)))
    return found


@pytest.mark.parametrize(("name", "transport"), STATES)
def test_each_fault_is_found_under_the_release_s_name_of_it(name: str, transport: str) -> None:
    for fault, found in findings(name, transport):
        assert [problem.loader_error for problem in found[:1]] == [fault.error]


@pytest.mark.parametrize(("name", "transport"), STATES)
def test_a_message_begins_with_the_path_of_what_is_wrong(name: str, transport: str) -> None:
    for _, found in findings(name, transport):
        assert str(found[0].error).startswith(("data.", "the PCI configuration space"))


@pytest.mark.parametrize(("name", "transport"), STATES)
def test_of_many_faults_the_release_s_first_is_told(name: str, transport: str) -> None:
    faults = faults_of(name, transport)
    built = acceptable(name, transport)
    for fault in reversed(faults):
        if not fault.alone:
            fault.mutate(built)
            assert first_error(built) == fault.error


@pytest.mark.parametrize("name", RELEASES)
def test_no_check_is_without_a_fault_that_it_finds(name: str) -> None:
    transports = [transport for known, transport in STATES if known == name]
    found = {
        problems[0].check for transport in transports for _, problems in findings(name, transport)
    }
    assert [check.rule for check in restoring(release(name)) if check not in found] == []


def test_the_two_releases_of_the_1_10_schema_have_the_same_checks() -> None:
    assert restoring(release("1.10.0")) == restoring(release("1.10"))


def test_every_release_is_tested() -> None:
    tested = {release(name).id for name in RELEASES} | {"firecracker-1.10.0"}
    assert tested == {known.id for known in releases.RELEASES}


# --- rules with more than one side -------------------------------------------------------------


def accepted(built: Built) -> bool:
    return first_error(built) is None


@pytest.mark.parametrize("name", RELEASES)
@pytest.mark.parametrize(("vcpus", "expected"), [(0, False), (1, True), (32, True), (33, False)])
def test_a_release_restores_1_to_32_vcpus(name: str, vcpus: int, expected: bool) -> None:
    built = acceptable(name)
    built.state.vcpu_states *= vcpus
    built.state.vm_state.gic.gic_vcpu_states *= vcpus
    assert accepted(built) == expected


@pytest.mark.parametrize("name", RELEASES)
@pytest.mark.parametrize("mp_state", [b"", b"\5", b"\x0a\0\0\0", b"\0\0\0\0\7"])
def test_missing_bytes_of_a_power_state_are_0_and_surplus_ones_do_not_count(
    name: str, mp_state: bytes
) -> None:
    built = acceptable(name)
    built.state.vcpu_states[0].mp_state = mp_state
    assert accepted(built)


@pytest.mark.parametrize(("bits", "there"), [(5, "0"), (6, "01"), (7, "0123"), (8, "01")])
def test_active_priorities_are_as_many_as_bits_of_priority_need(bits: int, there: str) -> None:
    built = acceptable("1.16")
    icc = built.state.vm_state.gic.gic_vcpu_states[0].icc
    register = icc.ap_icc_regs[0]
    icc.main_icc_regs[1].chunks[0] = bits - 1 << 8
    icc.ap_icc_regs = [register if str(n) in there else None for n in range(4)] * 2
    assert accepted(built)


@pytest.mark.parametrize("name", RELEASES)
def test_a_gicv2_has_no_redistributors_active_priorities_or_its(name: str) -> None:
    built = acceptable(name)
    gic = built.state.vm_state.gic
    gic.gic_vcpu_states[0].rdist = []
    gic.gic_vcpu_states[0].icc.ap_icc_regs = []
    if hasattr(gic, "its_state"):
        gic.its_state = None
    assert accepted(built)


@pytest.mark.parametrize("name", RELEASES)
@pytest.mark.parametrize(
    "fields",
    [{"size": 255}, {"size": 0}, {"size": 512}, {"avail_ring": 0x8020_1001}, {"ready": False}],
)
def test_only_a_queue_that_is_in_use_must_be_set_up(name: str, fields: dict[str, Any]) -> None:
    built = acceptable(name)
    for field, value in fields.items():
        setattr(built.virtio("MMIO", NET).queues[0], field, value)
    assert not accepted(built)
    built.virtio("MMIO", NET).activated = False
    up_to_1_12 = name in {"1.9", "1.10", "1.11", "1.12"}
    assert accepted(built) == (not (up_to_1_12 and fields == {"size": 512}))


@pytest.mark.parametrize("name", RELEASES)
def test_a_balloon_has_a_queue_for_statistics_if_it_takes_any(name: str) -> None:
    built = acceptable(name)
    built.device("MMIO", BALLOON).device_state.stats_polling_interval_s = 1
    virtio = built.virtio("MMIO", BALLOON)
    virtio.queues.append(virtio.queues[0])
    assert accepted(built)


@pytest.mark.parametrize("name", ["1.14", "1.15", "1.16", "main"])
@pytest.mark.parametrize(("features", "more"), [(1 << 3, 1), (1 << 5, 1), (1 << 3 | 1 << 5, 2)])
def test_a_balloon_has_a_queue_for_each_kind_of_hint(name: str, features: int, more: int) -> None:
    built = acceptable(name)
    virtio = built.virtio("MMIO", BALLOON)
    virtio.avail_features |= features
    assert not accepted(built)
    virtio.queues += virtio.queues[:1] * more
    assert accepted(built)


@pytest.mark.parametrize("name", RELEASES)
def test_devices_may_be_missing(name: str) -> None:
    built = acceptable(name)
    for kind in KINDS:
        if isinstance(getattr(built.mmio, kind.field, None), list):
            setattr(built.mmio, kind.field, [])
        elif hasattr(built.mmio, kind.field):
            setattr(built.mmio, kind.field, None)
    assert accepted(built)


@pytest.mark.parametrize("name", ["1.13", "1.14", "1.15", "1.16"])
def test_what_is_on_a_pci_bus_that_is_not_there_does_not_matter(name: str) -> None:
    built = acceptable(name)
    built.virtio("PCI", VSOCK).queues = []
    assert not accepted(built)
    built.pci.pci_enabled = False
    assert accepted(built)


def test_before_main_nobody_looks_whether_interrupts_are_shared() -> None:
    for name in RELEASES:
        built = acceptable(name)
        info, other = (built.device("MMIO", kind).device_info for kind in (NET, VSOCK))
        for field in ("irqs", "irq", "gsi"):
            if hasattr(info, field):
                setattr(info, field, getattr(other, field))
        assert accepted(built) == (name != "main")


def test_from_1_12_the_order_of_regions_does_not_matter() -> None:
    for name in RELEASES[RELEASES.index("1.12") :]:
        built = acceptable(name)
        built.add_region(0x1000, 0x1000)
        assert accepted(built)
