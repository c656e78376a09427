"""Random steps for an ITS beside the reference model: mostly what a driver does, and some nonsense.

They draw from a `Random` that is given: Hypothesis's, or one that is the same every time.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.gic.its_side_by_side import (
    BASE,
    CLEAR,
    CONFIGURATION,
    DISCARD,
    INT,
    INV,
    ITT,
    MAPI,
    MOVI,
    PENDING,
    SYNC,
    VCPU_COUNT,
    ItsSideBySide,
    invall,
    mapc,
    mapd,
    mapti,
    movall,
    on_event,
)

# Few of each, so that they meet often; some that are in no table, and some that can't be.
DEVICES = (1, 1, 2, 2, 3, 0x1FFF, 0x2001, 0x1_0002)
EVENTS = (0, 1, 1, 2, 31, 32)
LPIS = (8192, 8193, 8194, 8200)
INTIDS = (*LPIS, *LPIS, 8191, 0x3FFF, 0x4000)
ICIDS = (0, 0, 1, 2, 0x1FFF, 0x2000)
TARGETS = (0, 1, 2, 2, 3, 1 << 30)
ITTS = (ITT, ITT + 0x100, ITT + 0x1000, 0x1000, BASE + 0xF_FF00)
CONFIGURATIONS = (0x01, 0x81, 0x83, 0xA5, 0xBF, 0xC1, 0xA0)

Step = Callable[[ItsSideBySide, Random], None]


def set_up(both: ItsSideBySide, random: Random) -> None:
    """What a kernel does first, and a few mappings."""
    both.set_up()
    for intid in LPIS:
        both.configure(intid, random.choice(CONFIGURATIONS))
    both.queue(mapd(1, ITT), mapd(2, ITT + 0x100), *(mapc(vcpu, vcpu) for vcpu in range(3)))


def map_and_trigger(both: ItsSideBySide, random: Random) -> None:
    """What a driver does, in the order in which it does it."""
    device, event, icid = random.choice((1, 2)), random.choice(EVENTS), random.randrange(3)
    intid = random.choice(LPIS)
    both.configure(intid, random.choice(CONFIGURATIONS) | 1)
    both.queue(mapti(device, event, intid, icid), on_event(INV, device, event))
    both.msi(device, event)


def command(both: ItsSideBySide, random: Random) -> None:
    """A command with ids that may make sense."""
    device, event = random.choice(DEVICES), random.choice(EVENTS)
    intid, icid, target = (random.choice(each) for each in (INTIDS, ICIDS, TARGETS))
    opcode = random.choice((MOVI, INT, INT, CLEAR, INV, DISCARD, MAPI))
    valid = random.random() < 0.7
    both.queue(
        random.choice(
            (
                mapd(device, random.choice(ITTS), random.choice((1, 5, 5, 16, 17)), valid),
                mapc(icid, target, valid),
                mapti(device, event, intid, icid),
                mapti(device, event, intid, icid),
                on_event(opcode, device, event, icid),
                on_event(opcode, device, event, icid),
                on_event(opcode, device, event, icid),
                invall(icid),
                movall(target, random.choice(TARGETS)),
                (SYNC, 0, target << 16, 0),
            )
        )
    )


def map_identity(both: ItsSideBySide, random: Random) -> None:
    """With enough bits an event id can be the INTID of an LPI."""
    device, intid, icid = random.choice(DEVICES), random.choice(INTIDS), random.choice(ICIDS)
    both.queue(mapd(device, ITT, 14), on_event(MAPI, device, intid, icid))


def any_command(both: ItsSideBySide, random: Random) -> None:
    """Four words, of which the first may be a command's."""
    first = random.getrandbits(64) & ~0xF0
    both.queue((first, *(random.getrandbits(64) for _ in range(3))))


def msi(both: ItsSideBySide, random: Random) -> None:
    """A device sends an MSI."""
    both.msi(random.choice(DEVICES), random.choice(EVENTS))


def handle(both: ItsSideBySide, random: Random) -> None:
    """A vCPU handles what it is signalled."""
    both.handle(random.randrange(VCPU_COUNT))


def configure(both: ItsSideBySide, random: Random) -> None:
    """The configuration table changes, which alone does nothing."""
    both.configure(random.choice(LPIS), random.choice(CONFIGURATIONS))


def invalidate(both: ItsSideBySide, random: Random) -> None:
    """GICR_INVLPIR or GICR_INVALLR."""
    vcpu = random.randrange(VCPU_COUNT)
    if random.random() < 0.5:
        both.invalidate(vcpu, random.choice(INTIDS))
    else:
        both.invalidate_all(vcpu)


def mark_pending(both: ItsSideBySide, random: Random) -> None:
    """A pending table changes, which alone does nothing."""
    both.mark_pending(random.randrange(VCPU_COUNT), random.choice(LPIS), random.random() < 0.7)


def switch_lpis(both: ItsSideBySide, random: Random) -> None:
    """LPIs of a vCPU are disabled and, with the pending table somewhere, enabled."""
    vcpu = random.randrange(VCPU_COUNT)
    if random.random() < 0.7:
        both.enable_lpis(vcpu, enable=False)
    if random.random() < 0.5:
        pendbaser = random.choice((PENDING, PENDING + 0x1_0000 * vcpu, 0))
        both.set_bases(vcpu, CONFIGURATION, pendbaser, ptz=random.random() < 0.3)
    if random.random() < 0.8:
        both.enable_lpis(vcpu, enable=True)


def write_registers(both: ItsSideBySide, random: Random) -> None:
    """Whatever registers are set to, they are set right again, so that the run goes on."""
    if random.random() < 0.7:
        both.write("GITS_CTLR", 0)
    for _ in range(3):
        register = random.choice(("GITS_CTLR", "GITS_CBASER", "GITS_CWRITER", "GITS_BASER"))
        value = random.choice((0, 1, 1 << 63, random.getrandbits(64)))
        both.write(register, value, random.randrange(3) if register == "GITS_BASER" else 0)
        both.check()
    both.set_up()


def thaw(both: ItsSideBySide, _random: Random) -> None:
    """Go on from the state."""
    both.thaw()


def save_and_restore(both: ItsSideBySide, _random: Random) -> None:
    """Save and restore by tables, where that can be done."""
    if both.can_be_saved():
        both.save_and_restore()


STEPS: tuple[Step, ...] = (
    *[map_and_trigger] * 5,
    *[command] * 12,
    *[handle] * 4,
    *[msi] * 3,
    *[configure] * 2,
    *[invalidate] * 2,
    *[mark_pending] * 2,
    *[switch_lpis] * 2,
    *[map_identity, any_command, write_registers, thaw, save_and_restore, set_up],
)


def run(random: Random, step_count: int) -> None:
    """A random run: it fails if the ITS and the reference model differ after any step."""
    both = ItsSideBySide()
    both.check()
    set_up(both, random)
    for _ in range(step_count):
        random.choice(STEPS)(both, random)
        both.check()
