"""A format is a schema, a codec and a loader."""

from __future__ import annotations

import pytest

from emu.errors import CrcError, DecodeError, IncompatibleError, SizeLimitError, TooShortError
from emu.formats import envelope
from tests.formats.firecracker.states import RELEASES, acceptable


@pytest.mark.parametrize("name", RELEASES)
def test_load_and_decode_give_back_what_was_encoded(name: str) -> None:
    built = acceptable(name)
    data = built.release.encode(built.snapshot)
    assert built.release.load(data) == built.release.decode(data) == built.snapshot


@pytest.mark.parametrize("name", RELEASES)
def test_decode_takes_what_the_loader_refuses_for_what_it_says(name: str) -> None:
    built = acceptable(name)
    built.state.vm_info.smt = True
    data = built.release.encode(built.snapshot)
    assert built.release.decode(data) == built.snapshot
    with pytest.raises(IncompatibleError, match="smt is true"):
        built.release.load(data)


@pytest.mark.parametrize("name", RELEASES)
def test_verify_makes_the_checks_of_a_value_that_has_no_bytes(name: str) -> None:
    built = acceptable(name)
    built.release.verify(built.snapshot)
    built.state.vm_info.smt = True
    with pytest.raises(IncompatibleError, match="smt is true"):
        built.release.verify(built.snapshot)


@pytest.mark.parametrize("name", RELEASES)
def test_decode_refuses_a_file_that_is_damaged(name: str) -> None:
    built = acceptable(name)
    data = built.release.encode(built.snapshot)
    with pytest.raises(CrcError):
        built.release.decode(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(TooShortError):
        built.release.decode(data[:7])
    with pytest.raises(DecodeError):
        built.release.decode(envelope.seal(envelope.body(data)[:-1]))
    with pytest.raises(SizeLimitError):
        built.release.decode(bytes(envelope.READ_MAX_SIZE_BYTES + 1))


def test_examine_tells_all_that_is_wrong() -> None:
    built = acceptable("1.16")
    built.state.vm_info.smt = True
    built.state.vcpu_states.clear()
    data = built.release.encode(built.snapshot)
    loading, found = built.release.examine(data[:-1] + bytes([data[-1] ^ 1]))
    assert loading.state == built.state
    assert [str(problem.loader_error).rpartition("::")[2] for problem in found] == [
        "Crc64",
        "SmtNotSupported)",
        "InvalidVcpuCount)",
        "InconsistentVcpuCount",
    ]


@pytest.mark.parametrize("name", RELEASES)
def test_a_verdict_counts_the_checks_that_were_passed(name: str) -> None:
    built = acceptable(name)
    verdict = built.release.verdict(built.release.encode(built.snapshot))
    assert verdict.accepted
    assert verdict.passed_count == len(built.release.loader)
    built.state.vm_info.smt = True
    refused = built.release.verdict(built.release.encode(built.snapshot))
    assert refused.problem is not None
    assert built.release.loader[refused.passed_count] is refused.problem.check


@pytest.mark.parametrize("name", RELEASES)
def test_the_regions_are_those_of_the_state_in_its_order(name: str) -> None:
    built = acceptable(name)
    built.add_region(0x1000, 0x2000)
    regions = built.release.regions(built.state)
    assert [(region.base_address, region.size_bytes) for region in regions] == [
        (region.base_address, region.size) for region in built.memory.regions
    ]


def test_types_are_those_of_the_release() -> None:
    old, new = acceptable("1.13").release.types(), acceptable("1.15").release.types()
    assert old["NetState"] is new["NetState"]
    assert old["VirtioDeviceState"] is not new["VirtioDeviceState"]
