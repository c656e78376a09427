"""A board come alive."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Self

from emu.arch.psci import Function
from emu.boards.board import Board
from emu.boards.boot import BootLayout, boot_layout
from emu.boards.device_tree import Description, build_fdt
from emu.boards.equipment import Equipment
from emu.boards.virtio import find_root
from emu.core.bus import Bus
from emu.core.clock import VirtualClock, wall_clock
from emu.core.events import EventStream
from emu.core.fdt import parse_header
from emu.core.image import Image
from emu.core.ports import Entropy, IrqLine
from emu.core.ram import Ram
from emu.cpu import CpuModel, InnerShareableDomain, Vcpu, find_cpu_model
from emu.devices.host import Host
from emu.devices.pl011 import Pl011
from emu.devices.virtio.config import DeviceConfig
from emu.devices.vmclock import VmClock
from emu.devices.vmgenid import VmGenId
from emu.errors import MachineError
from emu.gic.gicv3 import GicV3
from emu.machine.boot_devices import attach_boot_devices
from emu.machine.boot_source import BootSource
from emu.machine.mmio_devices import MmioDevices
from emu.machine.processors import make_vcpu
from emu.machine.psci import Power, Psci
from emu.machine.requirements import check_balloon, check_entropy, check_ram
from emu.machine.schedule import DEFAULT_SCHEDULE, Schedule
from emu.machine.scheduler import Scheduler, Stop
from emu.machine.smccc import FirmwareCalls
from emu.machine.state import ConnectedState, MachineState
from emu.machine.stolen_time import StolenTime


class Machine:
    """One microVM.

    Args:
        board: what it consists of.
        ram: its memory, at the board's DRAM base.
        vcpu_count: number of vCPUs, 1 to the board's most.
        schedule: which vCPU runs when.
        entropy: what the guest's TRNG and virtio-rng draw from; needed if there is one.
        host_clock: the injected host clock at the start, in cycles (ticks of the system counter
            times `board.cycles_per_tick`).
        unix_time_s: the injected wall clock of the host at the start, in seconds since 1970.
        cpu_model: the processor, if not the board's.
        devices: its virtio devices; the board says in which order they are attached.
        equipment: places of its MMIO devices, if not those that the board hands out.
        virtio_latency_cycles: how long after a notification a virtio device looks at the queue; by
            default it does before the next instruction.

    Attributes:
        events: everything that happens.
        deadlines: what devices do by themselves, and when.
        devices: what was chosen of its virtio devices, in the order of attachment.
        equipment: its MMIO devices and their places.
        console: all bytes that the guest has sent to its serial console.
        uart: the serial console, of the board's kind; None for a machine without.
        rtc: the real-time clock; None if the board has none.
        virtio: its virtio devices by id, in the order of attachment, each with its transport.
        resources: what is left of its board's interrupts and addresses, and what was handed out.
        stolen_time: what the host takes of the vCPUs' time, and where it is told.
        vmgenid: the VMGenID device; None until it is booted or thawed with one.
        vmclock: the VMClock device; likewise, and None if the board has none.
        boot_source: what it was booted from.

    Raises:
        BoardError: the board can't be had with this RAM, processor, number of vCPUs or set of
            devices, or needs entropy.
        BackingError: what stands behind a device can't be used.
        ScheduleError: the schedule is not one of so many vCPUs.
        EngineError: the installed Unicorn can't run machines.
    """

    def __init__(
        self,
        board: Board,
        *,
        ram: Ram,
        vcpu_count: int = 1,
        schedule: Schedule = DEFAULT_SCHEDULE,
        entropy: Entropy | None = None,
        host_clock: int = 0,
        unix_time_s: int = 0,
        cpu_model: CpuModel | None = None,
        devices: Sequence[DeviceConfig] = (),
        equipment: Equipment | None = None,
        virtio_latency_cycles: int = 0,
    ) -> None:
        mpidrs = board.mpidrs(vcpu_count)
        schedule.check(vcpu_count)
        check_ram(board, ram)
        self.devices: Sequence[DeviceConfig] = board.attach_order(devices)
        check_entropy(self.devices, entropy)
        check_balloon(self.devices, ram)
        self.board = board
        self.cpu_model = cpu_model or find_cpu_model(board.cpu_model)
        self.ram = ram
        self.clock = VirtualClock(cycles_per_tick=board.cycles_per_tick, start_cycles=host_clock)
        self.events = EventStream(self.clock)
        self.console = bytearray()
        self.equipment = equipment or board.equip(virtio_count=len(self.devices))
        self.resources = board.resource_allocator(self.equipment)
        self.vmgenid: VmGenId | None = None
        self.vmclock: VmClock | None = None
        self.boot_source = BootSource()
        self._vcpus: list[Vcpu] = []
        self._domain = InnerShareableDomain(vcpu_count)
        ram.on_write = self._domain.forget_code
        self._closed = False
        self.gic = GicV3(
            mpidrs=mpidrs,
            spi_count=board.spi_count,
            events=self.events,
            irq_sinks=[partial(self._set_irq, index) for index in range(vcpu_count)],
            fiq_sinks=[partial(self._set_fiq, index) for index in range(vcpu_count)],
            its_memory=ram if board.its(vcpu_count) else None,
        )
        self.psci = Psci(
            self._vcpus,
            ram=ram,
            boot_pstate=board.boot_pstate,
            on_power_change=self._power_changed,
            on_system_off=self._system_off,
        )
        self._scheduler = Scheduler(
            self._vcpus,
            self.psci.power,
            vcpu_count=vcpu_count,
            clock=self.clock,
            events=self.events,
            schedule=schedule,
        )
        self.deadlines = self._scheduler.deadlines
        self.stolen_time = StolenTime(ram, board.cycles_per_s, self._scheduler.let_pass)
        self.firmware = FirmwareCalls(
            board.firmware,
            psci=self.psci,
            stolen_time=self.stolen_time,
            entropy=entropy,
            events=self.events,
        )
        self._devices = MmioDevices(
            board,
            self.equipment,
            self.devices,
            host=Host(
                memory=ram,
                clock=self.clock,
                cycles_per_s=board.cycles_per_s,
                deadlines=self.deadlines,
                events=self.events,
                entropy=entropy or bytes,
                latency_cycles=virtio_latency_cycles,
            ),
            irqs=self.gsi,
            console=self.console.append,
            unix_time_s=wall_clock(self.clock, unix_time_s, board.cycles_per_s),
        )
        self.uart, self.rtc = self._devices.uart, self._devices.rtc
        self.virtio = self._devices.virtio
        self.bus = self._build_bus(vcpu_count)
        for index, mpidr in enumerate(mpidrs):
            self._add_vcpu(index, mpidr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the cores. What is left afterwards is RAM, the devices and the console's output."""
        self._closed = True
        self.ram.on_write = None
        for vcpu in self._vcpus:
            vcpu.engine.close()

    @property
    def vcpus(self) -> Sequence[Vcpu]:
        """The vCPUs, by index; `MachineError` once the machine is closed."""
        self._check_open()
        return self._vcpus

    @property
    def pl011(self) -> Pl011:
        """The serial console of a board that has a PL011; `MachineError` if there is none."""
        if not isinstance(self.uart, Pl011):
            raise MachineError(f"a machine of the board {self.board.name} without a PL011")
        return self.uart

    # --- booting -----------------------------------------------------------------------------

    def boot(
        self,
        image: Image,
        *,
        entropy: Entropy,
        initrd: bytes = b"",
        bootargs: str | None = "",
        image_path: str = "",
        initrd_path: str | None = None,
    ) -> None:
        """Load `image`, `initrd` and the device tree, and put vCPU 0 at the image's entry.

        Args:
            image: an arm64 Image, or a flat program.
            entropy: draws the first generation id.
            initrd: the initial RAM disk; empty for none.
            bootargs: the command line. To a kernel's the board adds its own words, which are
                Linux's; a flat program gets it as it is. None for what the monitor takes if its
                user gives none.
            image_path: where the image is from, for a snapshot to carry.
            initrd_path: where the initial RAM disk is from, likewise.

        Raises:
            BoardError: the image, the initial RAM disk or the device tree does not fit.
        """
        layout = boot_layout(
            self.board,
            ram_size_bytes=self.ram.size_bytes,
            image=image,
            initrd_size_bytes=len(initrd),
        )
        self.resources = self.board.resource_allocator(self.equipment)
        self.vmgenid, self.vmclock = attach_boot_devices(
            self.board,
            self.resources,
            vcpu_count=len(self.vcpus),
            ram=self.ram,
            stolen_time=self.stolen_time,
            entropy=entropy,
            irqs=self.gsi,
            events=self.events,
        )
        command_line = self._command_line(bootargs, is_kernel=not image.is_flat)
        self.ram.write(layout.fdt.base, build_fdt(self._describe(layout, command_line, entropy)))
        self.ram.write(layout.kernel.base, image.data)
        if layout.initrd is not None:
            self.ram.write(layout.initrd.base, initrd)
        self._enter(layout)
        self.boot_source = BootSource(image_path, initrd_path, bootargs)

    def device_tree(self) -> bytes:
        """The blob in its place in RAM: what `boot` wrote, and the guest may have changed.

        Raises:
            BoardError: there is none.
        """
        window = self.board.fdt(self.ram.size_bytes)
        blob = self.ram.read(window.base, window.size_bytes)
        return blob[: parse_header(blob).totalsize]

    def gsi(self, gsi: int) -> IrqLine:
        """The interrupt line of a global system interrupt."""
        return self.gic.spi(self.board.intid(gsi))

    # --- running -----------------------------------------------------------------------------

    @property
    def instructions(self) -> int:
        """Executed so far, by all vCPUs together."""
        return self._scheduler.instructions

    def run(self, max_instructions: int | None = None, max_cycles: int | None = None) -> Stop:
        """Run until something ends it, and at most so many instructions, or cycles, from here.

        Raises:
            GuestError: the guest did what this machine does not model.
            MachineError: the machine is closed.
        """
        self._check_open()
        return self._scheduler.run(max_instructions, max_cycles)

    def stop(self) -> None:
        """Called from a listener: end the run exactly before the next instruction."""
        self._scheduler.interrupt(Stop.REQUESTED)

    def quiesce(self) -> None:
        """Drop what no snapshot carries: exclusive monitors, waits of WFI, TLBs, turns."""
        for vcpu in self.vcpus:
            vcpu.engine.clear_transients()
        self._scheduler.restart()

    def drive_timer_lines(self) -> None:
        """Drive the timers' lines as the time and the registers demand; `run` does so by itself."""
        for vcpu in self.vcpus:
            vcpu.timer.update()

    def state(self) -> MachineState:
        """All of the machine's state."""
        return MachineState(
            cycles=self.clock.now(),
            power=list(self.psci.power),
            vcpus=[vcpu.state() for vcpu in self.vcpus],
            gic=self.gic.state(),
            uart=self.uart.state() if self.uart else None,
            rtc=self.rtc.state() if self.rtc else None,
            virtio={id_: ConnectedState.of(found) for id_, found in self.virtio.items()},
            stolen_time=[self.stolen_time.address(vcpu.index) for vcpu in self.vcpus],
            vmgenid=self.vmgenid.save() if self.vmgenid else None,
            vmclock=self.vmclock.save() if self.vmclock else None,
            ram_sha256=self.ram.digest(),
        )

    # --- inside ------------------------------------------------------------------------------

    def _command_line(self, given: str | None, *, is_kernel: bool) -> str:
        rules, uart = self.board.command_line, self.equipment.uart
        words = rules.unasked if given is None else given
        if not is_kernel:
            return words
        return rules.compose(words, uart.window.base if uart else None, find_root(self.devices))

    def _describe(self, layout: BootLayout, command_line: str, entropy: Entropy) -> Description:
        """What the device tree tells; `entropy` draws the randomness in it."""
        return Description(
            board=self.board,
            ram_size_bytes=self.ram.size_bytes,
            mpidrs=[vcpu.mpidr for vcpu in self.vcpus],
            cpu_model=self.cpu_model,
            equipment=self.equipment,
            bootargs=command_line,
            vmgenid=self.vmgenid.save() if self.vmgenid else None,
            vmclock=self.vmclock.save() if self.vmclock else None,
            initrd=layout.initrd,
            rng_seed=entropy(self.board.rng_seed_size_bytes),
        )

    def _enter(self, layout: BootLayout) -> None:
        """Put vCPU 0 at the kernel's entry, and turn the others off."""
        boot_vcpu = self.vcpus[0].engine
        boot_vcpu.set_x([layout.fdt.base] + [0] * 30)
        boot_vcpu.pc = layout.kernel.base
        boot_vcpu.pstate = self.board.boot_pstate
        self.psci.power[:] = [Power.ON] + [Power.OFF] * (len(self.vcpus) - 1)

    def _build_bus(self, vcpu_count: int) -> Bus:
        board, bus = self.board, Bus(self.events)
        gicr, its = board.gicr.window(vcpu_count), board.its(vcpu_count)
        bus.attach("GICD", board.gicd.base, board.gicd.size_bytes, self.gic.distributor)
        bus.attach("GICR", gicr.base, gicr.size_bytes, self.gic.redistributors)
        if its is not None and self.gic.its is not None:
            bus.attach("GITS", its.base, its.size_bytes, self.gic.its.frame)
        self._devices.attach_to(bus)
        return bus

    def _add_vcpu(self, index: int, mpidr: int) -> None:
        vcpu = make_vcpu(
            index,
            mpidr,
            board=self.board,
            model=self.cpu_model,
            gic=self.gic,
            clock=self.clock,
            events=self.events,
            domain=self._domain,
            on_timer_change=self._timers_changed,
        )
        self.firmware.attach(vcpu)
        self._vcpus.append(vcpu)
        self.psci.power.append(Power.OFF)
        vcpu.engine.map_ram(self.ram.base, self.ram.size_bytes, self.ram.host_address)
        for mapping in self.bus.mappings:
            window = self.bus.window(mapping, index)
            vcpu.engine.map_mmio(mapping.base, mapping.size_bytes, window)

    def _check_open(self) -> None:
        if self._closed:
            raise MachineError("the machine is closed: its vCPUs are gone")

    def _set_irq(self, index: int, asserted: bool) -> None:
        self.vcpus[index].engine.set_irq(asserted)

    def _set_fiq(self, index: int, asserted: bool) -> None:
        self.vcpus[index].engine.set_fiq(asserted)

    def _timers_changed(self, vcpu: Vcpu) -> None:
        self._scheduler.timers_changed()
        vcpu.engine.stop()

    def _power_changed(self) -> None:
        self._scheduler.timers_changed()
        self._scheduler.interrupt()

    def _system_off(self, function: Function) -> None:
        self._scheduler.end(
            Stop.SYSTEM_OFF if function is Function.SYSTEM_OFF else Stop.SYSTEM_RESET
        )
