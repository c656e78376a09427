"""Values made of facts."""

from __future__ import annotations

import enum
from typing import Annotated

import pytest

from emu.wire.facts import Variant, value_of
from emu.wire.schema import Array, OnlyVariant, Struct, schema_of, u8, u32


class Kind(enum.IntEnum):
    Disk = 7


class KindName(enum.Enum):
    Disk = "Disk"


class Number(Struct):
    _0: u32


class Old(Struct):
    irqs: list[u32]


class Young(Struct):
    gsi: u32 | None


class Old2(Struct):
    old: Old | None


FACTS = {"irqs": [32], "gsi": 0, "more": "than asked"}


def test_each_schema_takes_the_fields_that_it_has() -> None:
    assert value_of(schema_of(Old), FACTS) == Old([32])
    assert value_of(schema_of(Young), FACTS) == Young(0)


def test_a_field_that_is_not_told_is_an_error() -> None:
    with pytest.raises(KeyError, match="irqs"):
        value_of(schema_of(Old), {"gsi": 0})


def test_nothing_is_shared_with_the_facts_or_between_values() -> None:
    one, other = (value_of(schema_of(Old2), {"old": FACTS}) for _ in range(2))
    one.old.irqs.append(1)
    assert other == Old2(Old([32]))
    assert FACTS["irqs"] == [32]


def test_an_enum_is_a_number_or_a_name_as_the_schema_asks() -> None:
    assert value_of(schema_of(u8), Kind.Disk) == 7
    assert value_of(schema_of(KindName), Kind.Disk) is KindName.Disk


def test_a_struct_of_one_field_may_be_told_by_what_is_in_it() -> None:
    assert value_of(schema_of(Number), 5) == Number(5)


def test_variants_are_told_by_name_where_there_are_several() -> None:
    several = schema_of(Old | Young)
    assert value_of(several, Variant("Young", FACTS)) == Young(0)
    assert value_of(schema_of(Annotated[Old, OnlyVariant()]), FACTS) == Old([32])


def test_lists_arrays_and_tuples() -> None:
    assert value_of(schema_of(list[u8]), range(3)) == [0, 1, 2]
    assert value_of(schema_of(Array(u8, 2)), b"\x01\x02") == (1, 2)
    assert value_of(schema_of(tuple[u8, Number]), (1, 2)) == (1, Number(2))
