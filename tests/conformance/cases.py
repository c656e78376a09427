"""What kvm-unit-tests' arm64 images find on the boards: each test, and its expected verdict.

Names, arguments and vCPUs are those of `arm/unittests.cfg` of kvm-unit-tests at `COMMIT`, where a
comment does not say otherwise. `docs/conformance.md` is made of this.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from emu import boards

COMMIT: Final = "1da1819e49fc4938985edca67df669099b4c87a7"
"""Of https://gitlab.com/kvm-unit-tests/kvm-unit-tests, 26 June 2026."""

BOARDS: Final = ("squib", "firecracker-1.12", "firecracker")
"""The columns of the table: PL011; 16550; 16550, RTC and ITS at fixed places."""

PATIENCE_INSNS: Final = 50_000_000
"""A test that polls the counter for longer takes minutes, since each poll leaves the core."""


class Verdict(IntEnum):
    """N of the line `EXIT: STATUS=N` with which a test ends (`lib/arm/io.c`, `lib/report.c`)."""

    PASS = 1
    FAIL = 3
    SKIP = 77
    ABORT = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test.

    Attributes:
        name: of the test.
        image: its image, without the suffix `.flat`.
        arguments: its command line, with `{usable_mib}` for the RAM that the device tree tells and
            `{uart}` for an address that can be read.
        vcpus: number of vCPUs.
        memory_mib: RAM.
        quantum: instructions of a vCPU's turn; small where one spins until another answers.
        environment: what the initial RAM disk has, such as the errata to count on.
        polls_ms: how long it polls the counter, in virtual time.
        squib: the verdict on the board squib.
        fc_1_12: on firecracker-1.12.
        fc: on the latest Firecracker.
        qemu: of QEMU 7.2's TCG, with `-M virt,gic-version=3,its=on -cpu max`; None if not within a
            minute.
        why: what the reason is where the verdict is not PASS.
    """

    name: str
    image: str
    arguments: str = ""
    vcpus: int = 1
    memory_mib: int = 256
    quantum: int = 10_000
    environment: str = ""
    polls_ms: int = 0
    squib: Verdict = Verdict.PASS
    fc_1_12: Verdict = Verdict.PASS
    fc: Verdict = Verdict.PASS
    qemu: Verdict | None = Verdict.PASS
    why: str = ""

    def verdict(self, board: str) -> Verdict:
        """The one that is expected on one of `BOARDS`."""
        return (self.squib, self.fc_1_12, self.fc)[BOARDS.index(board)]

    def takes_minutes(self, board: str) -> bool:
        """Whether it polls for more than `PATIENCE_INSNS` instructions."""
        return self.polls_ms * boards.get(board).cycles_per_s > PATIENCE_INSNS * 1000

    def command_line(self, board: str) -> str:
        """Its arguments on a board."""
        known = boards.get(board)
        uart = known.equip().uart
        assert uart is not None
        usable = self.memory_mib - (known.system_memory_size_bytes >> 20)
        return self.arguments.format(usable_mib=usable, uart=uart.window.base + 0x18)


def _skipped(name: str, image: str, arguments: str, why: str, qemu: Verdict) -> Case:
    """A test of what no board has."""
    return Case(
        name=name,
        image=image,
        arguments=arguments,
        squib=Verdict.SKIP,
        fc_1_12=Verdict.SKIP,
        fc=Verdict.SKIP,
        qemu=qemu,
        why=why,
    )


_NO_EVENTS: Final = (
    "no event counters: PMCR_EL0.N is 0 on squib, and Firecracker asks KVM for no PMU"
)
_NO_PMU: Final = "Firecracker asks KVM for no PMU; ID_AA64DFR0_EL1.PMUVer is 0"
_NO_MTE: Final = "the core has no MTE, and ID_AA64PFR1_EL1 says so"
_NO_ITS: Final = "squib has no ITS, Firecracker has one from v1.13 on"

CASES: Final = (
    Case(
        name="selftest-setup",
        image="selftest",
        arguments="setup smp=2 mem={usable_mib}",
        vcpus=2,
        why="mem= is what the device tree tells: 2 MiB less than --memory, the system memory",
    ),
    Case(name="selftest-vectors-kernel", image="selftest", arguments="vectors-kernel"),
    Case(name="selftest-vectors-user", image="selftest", arguments="vectors-user"),
    Case(name="selftest-smp", image="selftest", arguments="smp", vcpus=8),
    _skipped("pci-test", "pci-test", "", "there is no PCI", Verdict.SKIP),
    Case(
        name="pmu-cycle-counter",
        image="pmu",
        arguments="cycle-counter 0",
        fc_1_12=Verdict.SKIP,
        fc=Verdict.SKIP,
        why=_NO_PMU,
    ),
    *(
        _skipped(name, "pmu", name, _NO_EVENTS, qemu)
        for name, qemu in (
            ("pmu-event-introspection", Verdict.FAIL),
            ("pmu-event-counter-config", Verdict.PASS),
            ("pmu-basic-event-count", Verdict.SKIP),
            ("pmu-mem-access", Verdict.SKIP),
            ("pmu-mem-access-reliability", Verdict.SKIP),
            ("pmu-sw-incr", Verdict.PASS),
            ("pmu-chained-counters", Verdict.SKIP),
            ("pmu-chained-sw-incr", Verdict.SKIP),
            ("pmu-chain-promotion", Verdict.SKIP),
            ("pmu-overflow-interrupt", Verdict.SKIP),
        )
    ),
    Case(name="gicv3-ipi", image="gic", arguments="ipi", vcpus=4, polls_ms=600),
    Case(name="gicv3-active", image="gic", arguments="active", vcpus=4, polls_ms=200),
    Case(
        name="its-introspection",
        image="gic",
        arguments="its-introspection",
        vcpus=4,
        squib=Verdict.SKIP,
        fc_1_12=Verdict.SKIP,
        why=_NO_ITS,
    ),
    Case(
        name="its-trigger",
        image="gic",
        arguments="its-trigger",
        vcpus=4,
        polls_ms=600,
        squib=Verdict.SKIP,
        fc_1_12=Verdict.SKIP,
        why=_NO_ITS,
    ),
    Case(name="psci", image="psci", vcpus=4, polls_ms=110),
    Case(  # the test that is left out unless the environment says that the kernel is no old one
        name="psci, with cpu-on",
        image="psci",
        vcpus=8,
        memory_mib=512,
        environment="ERRATA_6c7a5dce22b3=y",
        polls_ms=120,
    ),
    Case(
        name="timer",
        image="timer",
        polls_ms=1700,
        qemu=Verdict.FAIL,
        why="QEMU's latency is the host's, which was busy",
    ),
    Case(
        name="micro-bench",
        image="micro-bench",
        arguments="mmio-addr={uart}",
        vcpus=2,
        quantum=500,
        polls_ms=3000,
        qemu=None,
        why="by default it reads a device of QEMU's; it measures, and has no other verdict",
    ),
    Case(name="cache", image="cache"),
    Case(name="debug-bp", image="debug", arguments="bp"),
    Case(
        name="debug-wp",
        image="debug",
        arguments="wp",
        squib=Verdict.FAIL,
        fc_1_12=Verdict.FAIL,
        fc=Verdict.FAIL,
        why="Unicorn left QEMU's watchpoints out: they are never hit (docs/engine.md)",
    ),
    Case(
        name="debug-sstep",
        image="debug",
        arguments="ss",
        squib=Verdict.FAIL,
        fc_1_12=Verdict.FAIL,
        fc=Verdict.FAIL,
        why="the core steps after an ERET, as kernels do it, and not after MSR DAIFClr alone "
        "(docs/engine.md)",
    ),
    Case(name="fpu-context", image="fpu", vcpus=2),
    _skipped("mte-sync", "mte", "sync", _NO_MTE, Verdict.SKIP),
    _skipped("mte-async", "mte", "async", _NO_MTE, Verdict.SKIP),
    _skipped("mte-asymm", "mte", "asymm", _NO_MTE, Verdict.SKIP),
    Case(  # from here on there is an image, and no line in unittests.cfg
        name="pl031",
        image="pl031",
        fc_1_12=Verdict.ABORT,
        fc=Verdict.ABORT,
        why="Firecracker's clock has no interrupt, and the test insists on one; without a clock, "
        "as on squib, it ends with 1 too",
    ),
    Case(name="spinlock-test", image="spinlock-test", arguments="builtin", vcpus=2),
)
