"""The ITS and the reference model, put through the same things.

Each has a memory of its own, so that what they write there is compared as well.
"""

from __future__ import annotations

from itertools import pairwise

from emu.core.events import ItsCommandIgnored, MsiDropped
from emu.core.ram import Ram
from emu.gic.state import GicState
from harness.reference.gic_bench import GicBench
from harness.reference.its import ReferenceIts
from harness.reference.lpis import NOTHING

VCPU_COUNT = 3
PRIORITY_MASK = 0xC0

BASE = 0x4000_0000
SIZE_BYTES = 0x10_0000
QUEUE = BASE
QUEUE_BYTES = 0x1000
DEVICE_TABLE = BASE + 0x1_0000
SECOND_LEVEL = BASE + 0x2_0000
COLLECTION_TABLE = BASE + 0x3_0000
CONFIGURATION = BASE + 0x4_0000
PENDING = BASE + 0x6_0000
"""Of vCPU 0; the others' follow."""
ITT = BASE + 0x9_0000

VALID = 1 << 63
INDIRECT = 1 << 62
PTZ = 1 << 62
ID_BITS = 14
"""Of INTIDs: there are 8192 LPIs."""

MOVI, INT, CLEAR, SYNC, MAPD, MAPC, MAPTI = 0x01, 0x03, 0x04, 0x05, 0x08, 0x09, 0x0A
MAPI, INV, INVALL, MOVALL, DISCARD = 0x0B, 0x0C, 0x0D, 0x0E, 0x0F


def mapd(device: int, itt: int, bits: int = 5, valid: bool = True) -> tuple[int, ...]:
    return (MAPD | device << 32, bits - 1, itt | valid << 63, 0)


def mapc(icid: int, target: int, valid: bool = True) -> tuple[int, ...]:
    return (MAPC, 0, icid | target << 16 | valid << 63, 0)


def mapti(device: int, event: int, intid: int, icid: int) -> tuple[int, ...]:
    return (MAPTI | device << 32, event | intid << 32, icid, 0)


def on_event(opcode: int, device: int, event: int, icid: int = 0) -> tuple[int, ...]:
    """MOVI, INT, CLEAR, MAPI, INV or DISCARD."""
    return (opcode | device << 32, event, icid, 0)


def invall(icid: int) -> tuple[int, ...]:
    return (INVALL, 0, icid, 0)


def movall(source: int, target: int) -> tuple[int, ...]:
    return (MOVALL, 0, source << 16, target << 16)


class ItsSideBySide:
    """A GIC with an ITS beside the reference model.

    A vCPU may be named by any number: it counts modulo the vCPUs that there are.
    """

    def __init__(self) -> None:
        self.ram = Ram(BASE, SIZE_BYTES)
        self.reference = ReferenceIts(BASE, bytes(SIZE_BYTES), VCPU_COUNT)
        self.earlier_events = 0
        self.bench = self._new_bench()

    def _new_bench(self) -> GicBench:
        bench = GicBench(tuple(range(VCPU_COUNT)), 32, its_memory=self.ram)
        bench.write("GICD_CTLR", 2)
        for vcpu in range(VCPU_COUNT):
            bench.write("GICR_WAKER", 0, vcpu=vcpu)
            bench.set_icc("PMR", PRIORITY_MASK, vcpu=vcpu)
            bench.set_icc("IGRPEN1", 1, vcpu=vcpu)
        return bench

    # --- what is done -------------------------------------------------------------------------

    def set_up(self) -> None:
        """What a kernel does first: tables, a queue, LPIs and the ITS enabled."""
        self.write("GITS_CTLR", 0)
        self.store(DEVICE_TABLE, 8, SECOND_LEVEL | VALID)
        self.write("GITS_BASER", DEVICE_TABLE | VALID | INDIRECT, 0)
        self.write("GITS_BASER", COLLECTION_TABLE | VALID, 1)
        self.write("GITS_CBASER", QUEUE | VALID | QUEUE_BYTES // 4096 - 1)
        for vcpu in range(VCPU_COUNT):
            self.enable_lpis(vcpu, enable=False)
            self.set_bases(vcpu, CONFIGURATION, PENDING + 0x1_0000 * vcpu, ptz=False)
            self.enable_lpis(vcpu, enable=True)
        self.write("GITS_CTLR", 1)

    def write(self, register: str, value: int, index: int = 0) -> None:
        """A store to a whole GITS_* register."""
        self.bench.write(register, value, index)
        offsets = {"GITS_CTLR": 0, "GITS_CBASER": 0x80, "GITS_CWRITER": 0x88, "GITS_BASER": 0x100}
        self.reference.write(offsets[register] + 8 * index, value)

    def store(self, address: int, size: int, value: int) -> None:
        """The guest stores to memory."""
        self.ram.write(address, value.to_bytes(size, "little"))
        start = address - BASE
        self.reference.memory[start : start + size] = value.to_bytes(size, "little")

    def queue(self, *commands: tuple[int, ...]) -> None:
        """Put commands into the queue, and write GITS_CWRITER."""
        offset = self.reference.cwriter
        for command in commands:
            for word in command:
                self.store(QUEUE + offset, 8, word)
                offset = (offset + 8) % QUEUE_BYTES
        self.write("GITS_CWRITER", offset)

    def configure(self, intid: int, configuration: int) -> None:
        """Store to the configuration table."""
        self.store(CONFIGURATION + intid - 8192, 1, configuration)

    def mark_pending(self, vcpu: int, intid: int, pending: bool) -> None:
        """Store to a pending table."""
        address = PENDING + 0x1_0000 * (vcpu % VCPU_COUNT) + intid // 8
        byte = self.ram.read(address, 1)[0] & ~(1 << intid % 8)
        self.store(address, 1, byte | pending << intid % 8)

    def set_bases(self, vcpu: int, propbaser: int, pendbaser: int, *, ptz: bool) -> None:
        """GICR_PROPBASER and GICR_PENDBASER, which stay as they are while LPIs are enabled."""
        vcpu %= VCPU_COUNT
        self.bench.write("GICR_PROPBASER", propbaser | ID_BITS - 1, vcpu=vcpu)
        self.bench.write("GICR_PENDBASER", pendbaser | ptz << 62, vcpu=vcpu)
        if not self.reference.lpis_enabled[vcpu]:
            self.reference.propbaser = propbaser | ID_BITS - 1
            self.reference.pendbaser[vcpu] = pendbaser | ptz << 62

    def enable_lpis(self, vcpu: int, *, enable: bool) -> None:
        """GICR_CTLR.EnableLPIs."""
        self.bench.write("GICR_CTLR", int(enable), vcpu=vcpu % VCPU_COUNT)
        self.reference.enable_lpis(vcpu % VCPU_COUNT, enable)

    def invalidate(self, vcpu: int, intid: int) -> None:
        """GICR_INVLPIR."""
        self.bench.write("GICR_INVLPIR", intid, vcpu=vcpu % VCPU_COUNT)
        self.reference.invalidate(vcpu % VCPU_COUNT, intid)

    def invalidate_all(self, vcpu: int) -> None:
        """GICR_INVALLR."""
        self.bench.write("GICR_INVALLR", 0, vcpu=vcpu % VCPU_COUNT)
        self.reference.invalidate_all(vcpu % VCPU_COUNT)

    def msi(self, device: int, event: int) -> None:
        """A device sends an MSI."""
        assert self.bench.its.signal_msi(device, event) == self.reference.msi(device, event)

    def handle(self, vcpu: int) -> None:
        """A vCPU acknowledges what it is signalled, and ends it."""
        vcpu %= VCPU_COUNT
        intid = self.bench.icc("IAR1", vcpu=vcpu)
        assert intid == self.reference.acknowledge(vcpu, PRIORITY_MASK)
        if intid != NOTHING:
            self.bench.set_icc("EOIR1", intid, vcpu=vcpu)

    # --- saves and restores ---------------------------------------------------------------------

    def thaw(self) -> None:
        """Go on with a fresh GIC that took on the state."""
        state = self.bench.gic.state()
        self.earlier_events += self._ignored()
        self.bench = self._new_bench()
        self.bench.gic.load_state(state)
        assert self.bench.gic.state() == state

    def can_be_saved(self) -> bool:
        """Whether all tables are in memory, and none is in another's place."""
        places = sorted((itt, itt + 8 * 2**bits) for itt, bits in self.reference.devices.values())
        apart = all(before[1] <= after[0] for before, after in pairwise(places))
        inside = all(start >= ITT and end <= BASE + SIZE_BYTES for start, end in places)
        pending = all(base % (1 << 52) >= BASE for base in self.reference.pendbaser)
        return apart and inside and pending

    def save_and_restore(self) -> None:
        """By tables and registers, as a VMM does it: nothing is lost but events to nowhere.

        The run goes on with the memory as it was.
        """
        before, contents = self.bench.gic.state(), self.ram.contents()
        self.bench.gic.user_save_pending_tables()
        self.reference.save_pending_tables()
        self.bench.its.save_tables()
        self.reference.save_tables()
        assert self.ram.contents() == bytes(self.reference.memory)
        state = self.bench.gic.state()
        assert state.its is not None
        state.its.devices, state.its.collections, state.its.lpis = [], [], []
        self.bench.gic.load_state(state)
        self.bench.its.restore_tables()
        assert _mapped(self.bench.gic.state()) == _mapped(before)
        self.bench.gic.load_state(before)
        self.ram.write(BASE, contents)
        self.reference.memory[:] = contents

    # --- what is compared ----------------------------------------------------------------------

    def check(self) -> None:
        """Signals, registers, mappings, LPIs, memory, and the number of ignored commands agree."""
        for vcpu in range(VCPU_COUNT):
            signalled = self.reference.signalled(vcpu, PRIORITY_MASK) != NOTHING
            assert self.bench.irq[vcpu] == signalled
            assert self.bench.read("GICR_CTLR", vcpu=vcpu) == 6 + self.reference.lpis_enabled[vcpu]
        for offset, size in ((0, 4), (4, 4), (8, 8), (0x80, 8), (0x88, 8), (0x90, 8)):
            assert self.bench.its.frame.read(offset, size) == self.reference.read(offset)
        for offset in range(0x100, 0x140, 8):
            assert self.bench.its.frame.read(offset, 8) == self.reference.read(offset)
        self._check_mappings()
        assert self.ram.contents() == bytes(self.reference.memory)
        assert self.earlier_events + self._ignored() == self.reference.ignored

    def _check_mappings(self) -> None:
        state, reference = self.bench.its.state(), self.reference
        assert [(each.icid, each.vcpu) for each in state.collections] == list(
            reference.collections.items()
        )
        assert {
            device.device_id: (device.itt_address, device.event_id_bits) for device in state.devices
        } == reference.devices
        assert {
            (device.device_id, each.event_id): (each.intid, each.icid)
            for device in state.devices
            for each in device.translations
        } == reference.events
        assert {lpi.intid: (lpi.vcpu, lpi.configuration, lpi.pending) for lpi in state.lpis} == {
            intid: (lpi.vcpu, lpi.config, lpi.pending) for intid, lpi in reference.lpis.items()
        }

    def _ignored(self) -> int:
        return sum(isinstance(event, ItsCommandIgnored) for event in self.bench.events)

    def dropped(self) -> int:
        """How many MSIs were dropped, since the last thaw."""
        return sum(isinstance(event, MsiDropped) for event in self.bench.events)


def _mapped(state: GicState) -> object:
    """What tables say of a state: events with a collection, by ids, and their LPIs."""
    assert state.its is not None
    devices = {
        device.device_id: (
            device.itt_address,
            device.event_id_bits,
            sorted(
                (t.event_id, t.intid, t.icid) for t in device.translations if t.icid is not None
            ),
        )
        for device in state.its.devices
    }
    return devices, state.its.collections
