"""The registers of an ITS, as KVM has them, and its queue of commands.

Source: the vgic_mmio_…_its_… functions and vgic_its_process_commands in
arch/arm64/kvm/vgic/vgic-its.c, Linux 6.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emu.arch.its import (
    COMMAND_BYTES,
    ENTRY_BYTES,
    GITS,
    GITS_BASER,
    GITS_CBASER,
    GITS_CREADR,
    GITS_CTLR,
    GITS_CWRITER,
    GITS_TYPER,
    TableType,
)
from emu.gic.frame import Reader, RegisterFrame, Writer
from emu.gic.identity import GICR_IIDR, PIDR2
from emu.gic.its.tables import ID_BITS
from emu.gic.lpi_tables import sanitise
from emu.gic.state import BASERS_RESET, ItsState

GITS_IIDR: Final = GICR_IIDR
"""KVM's ITS, whose tables are laid out by revision 0."""

_TYPER: Final = int(
    GITS_TYPER().replace(
        Physical=1, Devbits=ID_BITS - 1, ID_bits=ID_BITS - 1, ITT_entry_size=ENTRY_BYTES - 1
    )
)

_IDENTIFICATION: Final = {
    "GITS_PIDR4": (0x40, 0, 0, 0),
    "GITS_PIDR0": (0x92, 0xB4),
    "GITS_PIDR2": (PIDR2,),
    "GITS_CIDR0": (0x0D, 0xF0, 0x05, 0xB1),
}
"""Arm's GIC (vgic_mmio_read_its_idregs)."""

_TABLES: Final = (TableType.DEVICES, TableType.COLLECTIONS)
_PAGE_64K: Final = 0b10
_QUEUE_PAGE_BYTES: Final = 0x1000
_QUEUE_ALIGNMENT: Final = 0x1_0000


class ItsRegisters:
    """GITS_* registers.

    Args:
        table_invalidated: called when a table is declared invalid, with its index.
        run: called when there may be commands to carry out.

    Attributes:
        enabled: GITS_CTLR.Enabled.
        basers: GITS_BASER0, the device table, and GITS_BASER1, the collection table.
        readers: the read functions, by name.
        writers: the guest's write functions.
        frame: the memory-mapped registers.
    """

    def __init__(
        self, *, table_invalidated: Callable[[int], None], run: Callable[[], None]
    ) -> None:
        self._table_invalidated = table_invalidated
        self._run = run
        self.enabled = False
        self.basers = [GITS_BASER(value) for value in BASERS_RESET]
        self._cbaser = GITS_CBASER()
        self._cwriter = 0
        self._creadr = 0
        self.readers: dict[str, Reader] = {
            **{name: values.__getitem__ for name, values in _IDENTIFICATION.items()},
            "GITS_CTLR": lambda _: self._ctlr(),
            "GITS_IIDR": lambda _: GITS_IIDR,
            "GITS_TYPER": lambda _: _TYPER,
            "GITS_CBASER": lambda _: self._cbaser.value,
            "GITS_CWRITER": lambda _: self._cwriter,
            "GITS_CREADR": lambda _: self._creadr,
            "GITS_BASER": lambda index: self.basers[index].value if index < len(_TABLES) else 0,
        }
        self.writers: dict[str, Writer] = {
            "GITS_CTLR": self._write_ctlr,
            "GITS_CBASER": self._write_cbaser,
            "GITS_CWRITER": self._write_cwriter,
            "GITS_BASER": self._write_baser,
        }
        self.frame = RegisterFrame(GITS, self.readers, self.writers)

    # --- the queue ----------------------------------------------------------------------------

    @property
    def queue_size_bytes(self) -> int:
        """Size of the command queue."""
        return (self._cbaser.Size + 1) * _QUEUE_PAGE_BYTES

    @property
    def next_command(self) -> int | None:
        """Where the next command is; None if there is none, or the ITS is disabled."""
        if not self.enabled or self._creadr == self._cwriter:
            return None
        return (self._cbaser.Physical_Address << GITS_CBASER.Physical_Address.lsb) + self._creadr

    def command_done(self) -> None:
        """Go on to the command after the next, by turns from the beginning."""
        self._creadr = (self._creadr + COMMAND_BYTES) % self.queue_size_bytes

    def set_creadr(self, value: int) -> bool:
        """What a VMM does. Whether it is an offset in the queue: otherwise nothing happens."""
        offset = value & GITS_CREADR.Offset.mask
        if offset >= self.queue_size_bytes:
            return False
        self._creadr = offset
        return True

    # --- what the guest writes ------------------------------------------------------------------

    def _ctlr(self) -> int:
        quiescent = int(self._creadr == self._cwriter)
        return GITS_CTLR().replace(Quiescent=quiescent, Enabled=int(self.enabled)).value

    def _write_ctlr(self, _: int, value: int) -> None:
        """It can't be enabled without its tables and its queue."""
        enable = bool(GITS_CTLR(value).Enabled)
        ready = self._cbaser.Valid and all(baser.Valid for baser in self.basers)
        if enable and not self.enabled and not ready:
            return
        self.enabled = enable
        self._run()

    def _write_cbaser(self, _: int, value: int) -> None:
        """The queue is empty after that."""
        if self.enabled:
            return
        self._cbaser = _sanitise_cbaser(value)
        self._creadr = self._cwriter = 0

    def _write_cwriter(self, _: int, value: int) -> None:
        offset = value & GITS_CWRITER.Offset.mask
        if offset >= self.queue_size_bytes:
            return
        self._cwriter = offset
        self._run()

    def _write_baser(self, index: int, value: int) -> None:
        if self.enabled or index >= len(_TABLES):
            return
        self.basers[index] = _sanitise_baser(index, value)
        if not self.basers[index].Valid:
            self._table_invalidated(index)

    # --- state --------------------------------------------------------------------------------

    def reset(self) -> None:
        """What a VMM does by KVM_DEV_ARM_ITS_CTRL_RESET: the bases of tables stay in BASER."""
        self.basers[:] = [baser.replace(Valid=0) for baser in self.basers]
        self._cbaser = GITS_CBASER()
        self._creadr = self._cwriter = 0
        self.enabled = False

    def state(self) -> ItsState:
        """The registers."""
        return ItsState(
            ctlr=GITS_CTLR().replace(Enabled=int(self.enabled)).value,
            cbaser=self._cbaser.value,
            cwriter=self._cwriter,
            creadr=self._creadr,
            basers=[baser.value for baser in self.basers],
        )

    def load_state(self, state: ItsState) -> None:
        """Take on the registers of a state, as writes would leave them; no command is run."""
        self.enabled = bool(GITS_CTLR(state.ctlr).Enabled)
        # Until the first write it is zero, which no write could make it.
        self._cbaser = _sanitise_cbaser(state.cbaser) if state.cbaser else GITS_CBASER()
        self.basers[:] = [_sanitise_baser(*each) for each in enumerate(state.basers)]
        self._cwriter, self._creadr = (
            offset & GITS_CWRITER.Offset.mask if offset < self.queue_size_bytes else 0
            for offset in (state.cwriter, state.creadr)
        )


def _sanitise_cbaser(value: int) -> GITS_CBASER:
    """The queue begins at a multiple of 64 KiB."""
    cbaser = sanitise(GITS_CBASER(value))
    offset = (_QUEUE_ALIGNMENT - 1) & GITS_CBASER.Physical_Address.mask
    return GITS_CBASER(cbaser.value & ~offset)


def _sanitise_baser(index: int, value: int) -> GITS_BASER:
    """What the table is can't be changed, only where; a collection table has one level."""
    baser = sanitise(GITS_BASER(value)).replace(
        Type=_TABLES[index], Entry_Size=ENTRY_BYTES - 1, Page_Size=_PAGE_64K
    )
    return baser.replace(Indirect=0) if _TABLES[index] is TableType.COLLECTIONS else baser
