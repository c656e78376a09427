"""A session that uses processors, memory, time and interrupts of a machine without a disk."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from emu.core.ports import Entropy
from emu.devices.vmgenid import VmGenId
from emu.machine import Machine
from tests.linux import initramfs
from tests.linux.session import QUIET, Session, complaints

NEW_GENERATION = "new-generation"
"""Before this step the machine gets a new generation id, as if it had been thawed."""

PIECE_BYTES = 1 << 16
"""How much of busybox each CPU digests."""
DIGITS = 2_000
"""How many of the digits in busybox go through a pipe."""

_DRIVER = "/sys/bus/platform/drivers/vmgenid"
COUNT_RESEEDED = "dmesg | grep -c 'crng reseeded due to virtual machine fork'"
"""Since Linux 6.10, which has the driver, for each new generation."""


def system_session(
    busybox: bytes, programs: Mapping[str, bytes], *, vcpu_count: int, entropy: Entropy
) -> Session:
    """The session, on so many vCPUs; `entropy` gives the new generation id."""
    return Session(
        initrd=initramfs.build(busybox, programs),
        lines=lines(vcpu_count, with_threads="threads" in programs),
        deeds={NEW_GENERATION: partial(_renew_generation, entropy)},
    )


def lines(vcpu_count: int, *, with_threads: bool) -> dict[str, str]:
    """The lines that are typed, by what they show, in order; the last one powers off."""
    cpus = " ".join(map(str, range(vcpu_count)))
    where = "cut -d' ' -f39 /proc/self/stat"
    pinned = f"{where}; head -c {PIECE_BYTES} /bin/busybox | md5sum"
    typed = {
        **QUIET,
        "release": "uname -r",
        "cpuinfo": "cat /proc/cpuinfo",
        "clocksource": "cat /sys/devices/system/clocksource/clocksource0/current_clocksource",
        "date": "date +%s",
        "fork": 'for i in 0 1 2 3 4 5 6 7; do (exit $i); echo "child $i: $?"; done',
        "pipe": f"cat /bin/busybox | tr -dc 0-9 | head -c {DIGITS} | tr 5 '\\n' | sort -u | md5sum",
        "md5sum": "md5sum < /bin/busybox",
        "sleep": "sleep 1",
        "pinned": f'(for c in {cpus}; do echo $c $(taskset -c $c sh -c "{pinned}") & done; wait)',
    }
    if with_threads:
        typed["threads"] = f"threads {vcpu_count}"
    if vcpu_count > 1:
        online, cpu1 = "/sys/devices/system/cpu/online", "/sys/devices/system/cpu/cpu1/online"
        typed["hotplug"] = f"for o in 0 1; do echo $o > {cpu1}; cat {online}; done"
    return typed | {
        "vmgenid": f"ls {_DRIVER} 2>/dev/null | grep vmgenid",
        # Where nothing but time is random, the CRNG is seeded when somebody waits for it.
        "random": f"[ ! -d {_DRIVER} ] || head -c 1 /dev/random | wc -c",
        NEW_GENERATION: f"sleep 0.1; {COUNT_RESEEDED}",
        "interrupts": "cat /proc/interrupts",
        **complaints(),
        "poweroff": "poweroff -f",
    }


def _renew_generation(entropy: Entropy, machine: Machine) -> None:
    """What a restore does: the new id is in memory before its interrupt is pending."""
    assert machine.vmgenid is not None
    machine.vmgenid = VmGenId.restore(
        machine.vmgenid.save(), entropy=entropy, irqs=machine.gsi, events=machine.events
    )
    machine.vmgenid.activate(machine.ram)
    machine.vmgenid.notify_guest()
