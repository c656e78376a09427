"""Describe a squib state file: all of it if it loads, and what can still be told if it does not.

As squib's own `describe`, a body whose checksum is wrong is decoded all the same.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from emu.errors import DecodeError, SnapshotError
from emu.formats import envelope, squib
from emu.inspect import blobs, registers
from emu.inspect.description import (
    ChecksumView,
    Description,
    HeaderView,
    MemoryView,
    Problem,
    StateView,
    VcpuView,
)


def describe(data: bytes) -> Description:
    """What can be told of the state file `data`; no bytes whatever raise an error."""
    try:
        envelope.check_size(data, squib.MAX_STATE_SIZE_BYTES)
    except SnapshotError as error:
        return Description(len(data), None, _peeked_header(data), (_problem(error),))
    crc = envelope.checksum(data)
    body = envelope.body(data)
    problems: list[SnapshotError] = []
    try:
        envelope.check_crc(crc)
    except SnapshotError as error:
        problems.append(error)
    try:
        snapshot = squib.decode_body(body)
    except DecodeError as error:
        problems.append(error)
        header, state = _peeked_header(data), None
    else:
        problems += squib.header_problems(snapshot.header)
        problems += squib.compatibility_problems(snapshot.data)
        header, state = _header(snapshot.header), _state(snapshot.data)
    return Description(
        size_bytes=len(data),
        checksum=ChecksumView(crc.stored, crc.computed, crc.ok),
        header=header,
        problems=tuple(map(_problem, problems)),
        state=state,
    )


def describe_file(path: Path) -> Description:
    """`describe` of a file, with the memory file that belongs to it; raises `OSError`."""
    data = squib.read_file(path)
    description = describe(data)
    return replace(
        description,
        size_bytes=max(len(data), path.stat().st_size),
        memory=_memory(path, description.state),
    )


def _memory(path: Path, state: StateView | None) -> MemoryView | None:
    """The memory file that squib puts beside `path`: the same name with another suffix."""
    if path.suffix != squib.STATE_SUFFIX:
        return None
    memory = path.with_suffix(squib.MEMORY_SUFFIX)
    size_bytes = memory.stat().st_size if memory.is_file() else None
    expected = state.vm.mem_size_mib << 20 if state else None
    return MemoryView(str(memory), size_bytes, expected)


def _problem(error: SnapshotError) -> Problem:
    return Problem(type(error).__name__, str(error))


def _peeked_header(data: bytes) -> HeaderView | None:
    header = envelope.peek(data)
    if header is None:
        return None
    return HeaderView(header.magic, header.architecture, header.version, header.encoding)


def _header(header: squib.SnapshotHdr) -> HeaderView:
    architecture = envelope.ARCHITECTURES.get(header.magic)
    return HeaderView(header.magic, architecture, header.version, "bitcode")


def _state(state: squib.MicrovmState) -> StateView:
    return StateView(
        vm=state.vm_info,
        vcpus=tuple(_vcpu(index, vcpu) for index, vcpu in enumerate(state.vcpu_states)),
        devices=tuple(map(blobs.device, state.device_states.devices)),
        gic=blobs.gic(state.gic_state),
        mmds=state.mmds_state,
    )


def _vcpu(index: int, vcpu: squib.VcpuState) -> VcpuView:
    general = [registers.view(f"X{n}", value) for n, value in enumerate(vcpu.regs.x)]
    general += [
        registers.view("SP_EL1", vcpu.regs.sp),
        registers.view("PC", vcpu.regs.pc),
        registers.pstate(vcpu.regs.pstate),
    ]
    return VcpuView(
        index=index,
        mpidr=registers.mpidr(vcpu.mpidr),
        psci_state=vcpu.psci_state.value,
        registers=tuple(general),
        vectors=tuple(f"{high:#018x}{low:016x}" for low, high in vcpu.fp_regs.v),
        fp=(
            registers.view("FPSR", vcpu.fp_regs.fpsr),
            registers.view("FPCR", vcpu.fp_regs.fpcr),
        ),
        sys_regs=registers.by_squib_key(vcpu.sys_regs),
    )
