"""The recorded identification registers."""

from __future__ import annotations

import json

import pytest

from emu.arch import one_reg
from emu.arch.id_layouts import MIDR_EL1
from emu.arch.kvm_reg_list import HostKernel, register_list
from harness import data

RECORDED = json.loads(data.read(data.NEOVERSE_ID_REGISTERS))
MIDR = hex(one_reg.BY_NAME["MIDR_EL1"].id)


def test_three_processors_under_three_kernels() -> None:
    kernels = [kernel.value for kernel in HostKernel]
    assert {name: list(hosts) for name, hosts in RECORDED.items()} == dict.fromkeys(
        ["Neoverse N1", "Neoverse V1", "Neoverse V2"], kernels
    )


@pytest.mark.parametrize("kernel", HostKernel)
@pytest.mark.parametrize("processor", RECORDED)
def test_each_is_a_register_that_the_host_lists(processor: str, kernel: HostKernel) -> None:
    """With a value that fits, and not zero: zeros are left out."""
    registers = RECORDED[processor][kernel.value]
    for register, value in registers.items():
        assert int(register, 16) in register_list(kernel)
        assert 0 < int(value, 16) < 1 << 8 * one_reg.size_bytes(int(register, 16))


@pytest.mark.parametrize("kernel", HostKernel)
@pytest.mark.parametrize("processor", RECORDED)
def test_midr_is_that_of_the_processor(processor: str, kernel: HostKernel) -> None:
    midr = MIDR_EL1(int(RECORDED[processor][kernel.value][MIDR], 16))
    shown = dict(midr.decoded())
    assert (shown["Implementer"], shown["PartNum"]) == ("Arm", processor)
