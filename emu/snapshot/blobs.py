"""Between the machine's plain state and this project's own encodings in a state file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from emu.errors import IncompatibleError
from emu.formats.thawbench import (
    Encoding,
    GicBlob,
    InterruptBanks,
    RedistributorBlob,
    from_words,
    to_words,
)
from emu.gic.state import BankState, DistributorState, RedistributorState
from emu.hypervisor import HvfGicState
from emu.snapshot.mirror import from_struct, to_struct

T = TypeVar("T")


def encode(encoding: Encoding[Any], state: object) -> bytes:
    """The blob of a device's state.

    Raises:
        EncodeError: a value does not fit its field.
    """
    return encoding.encode(to_struct(state, encoding.schema))


def decode(encoding: Encoding[Any], blob: bytes, state: type[T]) -> T:
    """The state, of this dataclass, that a blob has.

    Raises:
        IncompatibleError: the blob is none of this encoding.
    """
    return from_struct(encoding.decode(blob), state)


def gic_to_blob(state: HvfGicState, mpidrs: Sequence[int]) -> GicBlob:
    """The GIC without its CPU interfaces; `mpidrs` are the vCPUs', in order."""
    return GicBlob(
        ctlr=state.distributor.ctlr,
        spis=_bank_to_blob(state.distributor.spis),
        routes=list(state.distributor.irouter),
        redistributors=[
            RedistributorBlob(
                mpidr=mpidr,
                waker=redistributor.waker,
                privates=_bank_to_blob(redistributor.interrupts),
            )
            for mpidr, redistributor in zip(mpidrs, state.redistributors, strict=True)
        ],
    )


def gic_from_blob(blob: GicBlob, mpidrs: Sequence[int]) -> HvfGicState:
    """The GIC of a blob, its redistributors in the order of `mpidrs`.

    Raises:
        IncompatibleError: the blob's redistributors belong to other vCPUs.
    """
    by_mpidr = {frame.mpidr: frame for frame in blob.redistributors}
    if sorted(by_mpidr) != sorted(mpidrs) or len(by_mpidr) != len(blob.redistributors):
        found = ", ".join(f"{frame.mpidr:#x}" for frame in blob.redistributors)
        expected = ", ".join(f"{mpidr:#x}" for mpidr in mpidrs)
        raise IncompatibleError(
            f"data.gic_state has redistributors for the vCPUs {found or '(none)'}; "
            f"expected one for each of {expected}"
        )
    return HvfGicState(
        DistributorState(
            spis=_bank_from_blob(blob.spis), irouter=list(blob.routes), ctlr=blob.ctlr
        ),
        [
            RedistributorState(
                interrupts=_bank_from_blob(by_mpidr[mpidr].privates), waker=by_mpidr[mpidr].waker
            )
            for mpidr in mpidrs
        ],
    )


def _bank_to_blob(bank: BankState) -> InterruptBanks:
    count = len(bank.priority)
    return InterruptBanks(
        group=to_words(bank.group, count),
        enabled=to_words(bank.enabled, count),
        pending=to_words(bank.pending_latch, count),
        active=to_words(bank.active, count),
        edge=to_words(bank.edge, count),
        priority=bank.priority,
    )


def _bank_from_blob(banks: InterruptBanks) -> BankState:
    return BankState(
        group=from_words(banks.group),
        enabled=from_words(banks.enabled),
        pending_latch=from_words(banks.pending),
        active=from_words(banks.active),
        edge=from_words(banks.edge),
        priority=banks.priority,
    )
