"""The name of every firmware function, whoever defines it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from emu.arch import psci, smccc, trng

_SMC32 = "_SMC32"


def _name(function: IntEnum) -> str:
    base = function.name.removesuffix(_SMC32)
    return f"{base} (SMC32)" if base != function.name else base


FUNCTION_NAMES: Final[Mapping[int, str]] = {
    function.value: _name(function)
    for functions in (smccc.Function, psci.Function, trng.Function)
    for function in functions
}
"""Names by function id."""


def function_name(function: int) -> str:
    """The name of a function id, or the id where it has none.

    >>> function_name(0x8400_0003)
    'CPU_ON (SMC32)'
    >>> function_name(0x8400_00FF)
    'function 0x840000ff'
    """
    return FUNCTION_NAMES.get(function, f"function {function:#010x}")
