"""A value in JSON becomes one of the format that it is of, or an error that helps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emu.errors import ValueFileError
from emu.formats import registry
from emu.inspect.open import value_of_json
from emu.wire import jsonvalue
from harness.states import realistic_state


def json_of(format_id: str) -> dict[str, Any]:
    schema = registry.get(format_id).schema
    value: dict[str, Any] = json.loads(jsonvalue.dumps(schema, realistic_state(format_id)))
    return value


@pytest.mark.parametrize("format_id", ["firecracker-1.13", "firecracker-1.14"])
def test_a_mistake_is_told_for_each_format_of_the_version(format_id: str) -> None:
    """Two releases write 8.0.0: what is wrong in one of them must not hide behind the other."""
    value = json_of(format_id)
    value["data"]["vcpu_states"] = "many"
    with pytest.raises(ValueFileError) as caught:
        value_of_json(json.dumps(value))
    assert f"no value of {format_id}: data.vcpu_states: found" in str(caught.value)
    other = {"firecracker-1.13": "1.14", "firecracker-1.14": "1.13"}[format_id]
    assert f"no value of firecracker-{other}: " in str(caught.value)


def test_what_is_wrong_in_both_is_told_once() -> None:
    value = json_of("firecracker-1.13")
    value["data"]["vm_info"]["mem_size_mib"] = "much"
    with pytest.raises(ValueFileError, match=r"^data\.vm_info\.mem_size_mib: found"):
        value_of_json(json.dumps(value))


def test_a_mistake_is_told_as_it_is_where_one_format_has_the_version() -> None:
    value = json_of("firecracker-1.16")
    value["data"]["vm_info"]["mem_size_mib"] = "much"
    with pytest.raises(ValueFileError, match=r"^data\.vm_info\.mem_size_mib: found"):
        value_of_json(json.dumps(value))


def test_a_value_without_a_known_version_is_held_against_what_it_is_most_like() -> None:
    value = json_of("squib-0.2")
    value["header"]["version"] = "99.0.0"
    value["data"]["vm_info"]["mem_size_mib"] = "much"
    with pytest.raises(ValueFileError, match=r"data\.vm_info\.mem_size_mib: found"):
        value_of_json(json.dumps(value))
