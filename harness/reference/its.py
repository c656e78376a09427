"""An ITS, to compare others with: dictionaries, loops, and no cleverness.

It is written from the architecture (IHI 0069 H, chapters 5 and 12) and from what KVM's ITS does
where that leaves a choice (arch/arm64/kvm/vgic/vgic-its.c), and shares no code with `emu.gic`, nor
any of its register tables. It covers what a guest can observe: registers, which commands are
ignored, and the tables in memory; for LPIs see `harness.reference.lpis`.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.reference.lpis import ReferenceLpis

RESET_BASER0 = 0x0107_0000_0000_0600 + (3 << 59)
"""Devices, entries of 8 bytes, inner shareable, read-allocate write-back, pages of 64 KiB."""
RESET_BASER1 = RESET_BASER0 + (3 << 56)
"""Collections; otherwise the same."""


class ReferenceIts(ReferenceLpis):
    """An ITS, its LPIs, and the LPI part of each redistributor; arguments as `ReferenceLpis`."""

    def __init__(self, base: int, memory: bytes, vcpu_count: int) -> None:
        super().__init__(base, memory, vcpu_count)
        self.enabled = False
        self.cbaser = self.creadr = self.cwriter = 0
        self.baser = [RESET_BASER0, RESET_BASER1]
        self.devices: dict[int, tuple[int, int]] = {}
        """Address of the ITT, and bits of an event id, by device id."""
        self.events: dict[tuple[int, int], tuple[int, int | None]] = {}
        """INTID and collection, by device id and event id."""
        self.collections: dict[int, int | None] = {}
        self.ignored = 0

    # --- registers ----------------------------------------------------------------------------

    def read(self, offset: int) -> int:
        """A whole register, by its offset."""
        return {
            0x0000: (0x8000_0000 if self.creadr == self.cwriter else 0) + self.enabled,
            0x0004: 0x4B00_043B,
            0x0008: 1 + (7 << 4) + (15 << 8) + (15 << 13),
            0x0080: self.cbaser,
            0x0088: self.cwriter,
            0x0090: self.creadr,
            0x0100: self.baser[0],
            0x0108: self.baser[1],
            0xFFD0: 0x40,
            0xFFE0: 0x92,
            0xFFE4: 0xB4,
            0xFFE8: 0x3B,
            0xFFF0: 0x0D,
            0xFFF4: 0xF0,
            0xFFF8: 0x05,
            0xFFFC: 0xB1,
        }.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """A whole register, by its offset."""
        if offset == 0x0000:
            valid = self.cbaser >> 63 and self.baser[0] >> 63 and self.baser[1] >> 63
            if self.enabled or not value & 1 or valid:
                self.enabled = value & 1 == 1
            self._run()
        elif offset == 0x0080 and not self.enabled:
            self.cbaser = _attributes(value) & ~0xF000
            self.creadr = self.cwriter = 0
        elif offset == 0x0088 and value & 0xFFFE0 < self._queue_size():
            self.cwriter = value & 0xFFFE0
            self._run()
        elif offset in (0x0100, 0x0108) and not self.enabled:
            self._write_baser((offset - 0x0100) // 8, value)

    def _write_baser(self, index: int, value: int) -> None:
        kept = _attributes(value) & ~(0x071F << 48) & ~0x300
        if index == 1:
            kept &= ~(1 << 62)
        self.baser[index] = kept + (7 << 48) + ((1, 4)[index] << 56) + 0x200
        if value >> 63:
            return
        if index == 0:
            for device in list(self.devices):
                self._forget_device(device)
        else:
            for icid in list(self.collections):
                self._forget_collection(icid)

    def _queue_size(self) -> int:
        return 4096 * (self.cbaser % 256 + 1)

    def _run(self) -> None:
        """Carry out all commands."""
        while self.enabled and self.creadr != self.cwriter:
            address = (self.cbaser & 0x000F_FFFF_FFFF_F000) + self.creadr
            done = False
            if self._has(address, 32):
                done = self._execute([self._load(address + 8 * word, 8) for word in range(4)])
            self.ignored += not done
            self.creadr += 32
            if self.creadr == self._queue_size():
                self.creadr = 0

    # --- commands (5.3): each says whether it was carried out -------------------------------------

    def _execute(self, words: list[int]) -> bool:
        device, event = words[0] >> 32, words[1] & 0xFFFF_FFFF
        icid, target = words[2] & 0xFFFF, words[2] >> 16 & 0xFFFF_FFFF
        bits, itt = words[1] % 32 + 1, words[2] & 0x000F_FFFF_FFFF_FF00
        opcode, valid = words[0] & 0xFF, words[2] >> 63 == 1
        commands: dict[int, Callable[[], bool]] = {
            0x03: lambda: self.msi(device, event),
            0x05: lambda: True,
            0x08: lambda: self._mapd(device, bits, itt, valid),
            0x09: lambda: self._mapc(icid, target, valid),
            0x0A: lambda: self._mapti(device, event, words[1] >> 32, icid),
            0x0B: lambda: self._mapti(device, event, event, icid),
            0x0D: lambda: self._invall(icid),
            0x0E: lambda: self._movall(target, words[3] >> 16 & 0xFFFF_FFFF),
            **dict.fromkeys(
                (0x01, 0x04, 0x0C, 0x0F), lambda: self._on_event(opcode, device, event, icid)
            ),
        }
        return opcode in commands and commands[opcode]()

    def _on_event(self, opcode: int, device: int, event: int, icid: int) -> bool:
        """MOVI, CLEAR, INV and DISCARD."""
        if (device, event) not in self.events:
            return False
        intid, old = self.events[device, event]
        if opcode == 0x04:
            self.lpis[intid].pending = False
        elif opcode == 0x0C:
            return self._reload(intid)
        elif self._target(old) is None or (opcode == 0x01 and self._target(icid) is None):
            return False
        elif opcode == 0x01:
            self.events[device, event] = (intid, icid)
            self.lpis[intid].vcpu = self._target(icid)
        else:
            self._forget_event(device, event)
            self._store(self.devices[device][0] + 8 * event, 8, 0)
        return True

    def _target(self, icid: int | None) -> int | None:
        return None if icid is None else self.collections.get(icid)

    def _mapd(self, device: int, bits: int, itt: int, valid: bool) -> bool:
        entry = self._entry(0, device)
        if entry is None or (valid and bits > 16):
            return False
        self._forget_device(device)
        if valid:
            self.devices[device] = (itt, bits)
        else:
            self._store(entry, 8, 0)
        return True

    def _mapc(self, icid: int, target: int, valid: bool) -> bool:
        if not valid:
            self._forget_collection(icid)
            return True
        if target >= self.vcpu_count:
            return False
        if icid not in self.collections and self._entry(1, icid) is None:
            return False
        self.collections[icid] = target
        for intid, collection in self.events.values():
            if collection == icid:
                self.lpis[intid].vcpu = target
        return True

    def _mapti(self, device: int, event: int, intid: int, icid: int) -> bool:
        itt, bits = self.devices.get(device, (0, 0))
        if device not in self.devices or event >= 2**bits or not self._has(itt + 8 * event, 8):
            return False
        if not 8192 <= intid < min(2 ** (self.propbaser % 32 + 1), 65536):
            return False
        if (device, event) in self.events:
            return True
        if icid not in self.collections and self._entry(1, icid) is None:
            return False
        if intid not in self.lpis and not self._add_lpi(intid, self._target(icid)):
            return False
        self.collections.setdefault(icid, None)
        self.events[device, event] = (intid, icid)
        return True

    def _invall(self, icid: int) -> bool:
        vcpu = self._target(icid)
        if vcpu is None:
            return False
        self._reload_all(vcpu)
        return True

    def _movall(self, source: int, target: int) -> bool:
        if source >= self.vcpu_count or target >= self.vcpu_count:
            return False
        for lpi in self.lpis.values():
            if lpi.vcpu == source:
                lpi.vcpu = target
        return True

    def msi(self, device: int, event: int) -> bool:
        """INT, or a device's write to GITS_TRANSLATER."""
        if not self.enabled or (device, event) not in self.events:
            return False
        intid, icid = self.events[device, event]
        vcpu = self._target(icid)
        if vcpu is None or not self.lpis_enabled[vcpu]:
            return False
        self.lpis[intid].pending = True
        return True

    def _forget_event(self, device: int, event: int) -> None:
        intid, _ = self.events.pop((device, event))
        if all(other != intid for other, _ in self.events.values()):
            del self.lpis[intid]

    def _forget_device(self, device: int) -> None:
        for owner, event in list(self.events):
            if owner == device:
                self._forget_event(owner, event)
        self.devices.pop(device, None)

    def _forget_collection(self, icid: int) -> None:
        self.collections.pop(icid, None)
        for key, (intid, collection) in self.events.items():
            if collection == icid:
                self.events[key] = (intid, None)

    def _entry(self, index: int, number: int) -> int | None:
        """Where a device or a collection has its entry; None if it can't have one."""
        baser = self.baser[index]
        start = (baser & 0x0000_FFFF_FFFF_0000) + ((baser >> 12 & 0xF) << 48)
        size = 65536 * (baser % 256 + 1)
        if number >= 65536:
            return None
        if not baser >> 62 & 1:
            address = start + 8 * number
            return address if 8 * number < size and self._has(address, 8) else None
        first = start + 8 * (number // 8192)
        if 8 * (number // 8192) >= size or not self._has(first, 8):
            return None
        level2 = self._load(first, 8)
        address = (level2 & 0x000F_FFFF_FFFF_0000) + 8 * (number % 8192)
        return address if level2 >> 63 and self._has(address, 8) else None

    # --- SAVE_TABLES ----------------------------------------------------------------------------

    def save_tables(self) -> None:
        """Where all tables are in memory, and all collections of events are there."""
        ids = sorted(self.devices)
        for position, device in enumerate(ids if self.baser[0] >> 63 else []):
            itt, bits = self.devices[device]
            events = sorted(e for d, e in self.events if d == device)
            events = [e for e in events if self.events[device, e][1] is not None]
            for place, event in enumerate(events):
                intid, icid = self.events[device, event]
                following = min(events[place + 1] - event, 65535) if events[place + 1 :] else 0
                self._store(itt + 8 * event, 8, (following << 48) + (intid << 16) + (icid or 0))
            following = min(ids[position + 1] - device, 16383) if ids[position + 1 :] else 0
            address = self._entry(0, device)
            assert address is not None
            value = (1 << 63) + (following << 49) + (itt // 256 << 5) + bits - 1
            self._store(address, 8, value)
        if self.baser[1] >> 63:
            address = self.baser[1] & 0x0000_FFFF_FFFF_0000
            for icid, vcpu in self.collections.items():
                target = 0xFFFF_FFFF if vcpu is None else vcpu
                self._store(address, 8, (1 << 63) + (target << 16) + icid)
                address += 8
            self._store(address, 8, 0)


def _attributes(value: int) -> int:
    """Shareability and caches as KVM has them."""
    if value >> 10 & 3 == 2:
        value = value - (2 << 10) + (1 << 10)
    if value >> 59 & 7 < 2:
        value = (value & ~(7 << 59)) + (3 << 59)
    if value >> 53 & 7 > 1:
        value &= ~(7 << 53)
    return value
