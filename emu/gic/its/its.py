"""The ITS assembled: registers, queue, commands, mappings, and how a device sends an MSI."""

from __future__ import annotations

from typing import Final

from emu.arch.its import COMMAND_BYTES, ItsCommand
from emu.core.events import EventStream, ItsCommandIgnored, MsiDropped
from emu.core.ports import GuestMemory, MmioWindow
from emu.errors import GuestError
from emu.gic.its import saved_tables
from emu.gic.its.commands import CommandError, Commands
from emu.gic.its.mappings import Mappings
from emu.gic.its.registers import ItsRegisters
from emu.gic.its.tables import GuestTables
from emu.gic.its.user_access import ItsUserAccess
from emu.gic.lpis import Lpis
from emu.gic.state import ItsState

WORK_PER_ACCESS_MAX: Final = 1 << 21
"""Events and LPIs looked at in one go. What is left of the queue waits for the guest's next access
to the ITS, which polls GITS_CREADR anyway; only a guest that means harm gets there."""


class Its:
    """An ITS with 16 bits of device ids, event ids and collection ids.

    Commands are carried out when the guest writes GITS_CWRITER, and are done when the write is. A
    command that can't be carried out is ignored, with an event that says why.

    Args:
        vcpu_count: number of vCPUs, which are the targets of collections.
        lpis: the LPIs of the GIC.
        memory: the guest's RAM.
        events: where ignored commands and dropped MSIs are reported.

    Attributes:
        frame: the control frame and the translation frame, 128 KiB. GITS_TRANSLATER ignores the
            guest: a device's write comes with its device id, by `signal_msi`.
    """

    frame: MmioWindow

    def __init__(
        self, *, vcpu_count: int, lpis: Lpis, memory: GuestMemory, events: EventStream
    ) -> None:
        self._lpis = lpis
        self._memory = memory
        self._events = events
        self._mappings = Mappings(lpis)
        self._registers = ItsRegisters(
            table_invalidated=self._table_invalidated, run=self.run_commands
        )
        self._tables = GuestTables(memory)
        self._vcpu_count = vcpu_count
        self._commands = Commands(
            mappings=self._mappings,
            lpis=lpis,
            tables=self._tables,
            basers=self._registers.basers,
            vcpu_count=vcpu_count,
        )
        self.frame = _Frame(self, self._registers.frame)
        self._user = ItsUserAccess(self._registers)

    def signal_msi(self, device_id: int, event_id: int) -> bool:
        """A device sends an MSI: it writes `event_id` to GITS_TRANSLATER.

        Args:
            device_id: who sends it, for a PCI device its requester id.
            event_id: what it writes, 32 bits.

        Returns:
            Whether an LPI is pending for it; otherwise the MSI is lost.
        """
        try:
            if not self._registers.enabled:
                raise CommandError("the ITS is disabled")
            self._lpis.pend(self._commands.resolve(device_id, event_id))
        except CommandError as error:
            if self._events.active:
                self._events.emit(MsiDropped(device_id, event_id, str(error)))
            return False
        self._lpis.settle()
        return True

    def run_commands(self) -> None:
        """Carry out what is in the queue."""
        work = 0
        while work < WORK_PER_ACCESS_MAX and self._registers.next_command is not None:
            work += self._run_command(self._registers.next_command)
            self._registers.command_done()
        self._lpis.settle()

    def _run_command(self, address: int) -> int:
        """Carry out a command, and say how much it had to look at. One that is not in RAM is
        ignored, as if it were not there.
        """
        command = ItsCommand()
        try:
            data = self._memory.read(address, COMMAND_BYTES)
            command = ItsCommand(int.from_bytes(data, "little"))
            return self._commands.execute(command)
        except (CommandError, GuestError) as error:
            if self._events.active:
                self._events.emit(ItsCommandIgnored(command.name, str(error)))
            return 1

    def _table_invalidated(self, index: int) -> None:
        if index == 0:
            self._mappings.remove_devices()
        else:
            self._mappings.remove_collections()
        self._lpis.settle()

    # --- what a VMM does through KVM ----------------------------------------------------------

    def user_read(self, offset: int) -> int:
        """A register (KVM_DEV_ARM_VGIC_GRP_ITS_REGS): see `ItsUserAccess`."""
        return self._user.read(offset)

    def user_write(self, offset: int, value: int) -> None:
        """Set a register: see `ItsUserAccess`."""
        self._user.write(offset, value)

    def save_tables(self) -> None:
        """Write what is mapped to the guest's tables (KVM_DEV_ARM_ITS_SAVE_TABLES).

        Raises:
            IncompatibleError: the device table has no room for a device.
            GuestError: a table is not in RAM.
        """
        saved_tables.save(self._mappings, self._tables, self._registers.basers)

    def restore_tables(self) -> None:
        """Map what is in the guest's tables (KVM_DEV_ARM_ITS_RESTORE_TABLES), or nothing.

        Raises:
            IncompatibleError: an entry is not one of a state that was saved.
            GuestError: a table is not in RAM.
        """
        saved_tables.restore(
            self._mappings, self._lpis, self._tables, self._registers.basers, self._vcpu_count
        )
        self._lpis.settle()

    def reset(self) -> None:
        """Forget everything but where the tables are (KVM_DEV_ARM_ITS_CTRL_RESET)."""
        self._registers.reset()
        self._mappings.remove_devices()
        self._mappings.remove_collections()
        self._lpis.settle()

    # --- state --------------------------------------------------------------------------------

    def state(self) -> ItsState:
        """The ITS's state, and that of the LPIs."""
        state = self._registers.state()
        state.collections = self._mappings.collection_states()
        state.devices = self._mappings.device_states()
        state.lpis = self._lpis.state()
        return state

    def load_state(self, state: ItsState) -> None:
        """Take on a state that `check_state` has found whole. Nothing is signalled, nothing is
        read from the guest's tables.
        """
        self._registers.load_state(state)
        self._lpis.load_state(state.lpis)
        self._mappings.load_state(state.collections, state.devices)


class _Frame:
    """The registers, of which every access lets the ITS go on with what it has left undone."""

    def __init__(self, its: Its, registers: MmioWindow) -> None:
        self._its = its
        self._registers = registers

    def read(self, offset: int, size: int, /) -> int:
        self._its.run_commands()
        return self._registers.read(offset, size)

    def write(self, offset: int, size: int, value: int, /) -> None:
        self._its.run_commands()
        self._registers.write(offset, size, value)
