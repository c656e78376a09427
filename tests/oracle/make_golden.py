"""Makes golden files of values, by the published crates alone: no encoder of ours takes part.

    python -m tests.oracle.make_golden squib-0.2 tests/golden/squib-0.2/*.json

writes a `.snap` beside each file: the state file of its value.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from emu.formats import registry
from emu.formats.envelope import CRC_SIZE_BYTES
from emu.formats.format import Format
from emu.wire import jsonvalue
from emu.wire.nodes import Node
from tests.oracle import build
from tests.oracle.client import Crate, Oracle
from tests.oracle.subjects import codecs_of


def golden_file(oracle: Oracle, node: Node, crate: Crate, snapshot: Any) -> bytes:
    """The state file of a value of type `node`, header included, with its checksum."""
    body = oracle.encode(node, crate, snapshot)
    return body + oracle.crc64(body).to_bytes(CRC_SIZE_BYTES, "little")


def golden_file_of_json(oracle: Oracle, form: Format, text: str) -> bytes:
    """The state file of a value that is written as JSON, by the crate that the format's VMM uses.

    Raises `ValueFileError` if the text is not a value of the format.
    """
    snapshot = jsonvalue.loads(form.schema, text)
    return golden_file(oracle, form.schema, codecs_of(form)[0].crate, snapshot)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Make golden files of values.")
    parser.add_argument("format", type=registry.get, help="id of the format")
    parser.add_argument("sources", nargs="+", type=Path, help="values of it, as .json files")
    arguments = parser.parse_args()
    with Oracle(build.executable()) as oracle:
        for source in arguments.sources:
            data = golden_file_of_json(oracle, arguments.format, source.read_text("utf-8"))
            source.with_suffix(".snap").write_bytes(data)
            print(f"{source.with_suffix('.snap')}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
