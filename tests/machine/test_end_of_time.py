"""Virtual time has an end, which a guest can sleep up to and not beyond."""

from __future__ import annotations

import pytest

from emu.arch.sysregs import BY_NAME
from emu.core.clock import CYCLES_MAX
from emu.errors import IncompatibleError
from emu.machine import Stop
from emu.snapshot import freeze, thaw
from harness.guests import boot_guest


def test_a_sleep_beyond_the_end_of_time_is_idle_and_can_still_be_frozen() -> None:
    with boot_guest("heartbeat") as machine:
        machine.run(2000)
        machine.vcpus[0].set_sysreg(BY_NAME["CNTV_CVAL_EL0"], CYCLES_MAX)
        assert machine.run() is Stop.IDLE
        assert machine.clock.now() <= CYCLES_MAX
        freeze(machine).encode_state()


@pytest.mark.parametrize("host_clock", [-1, CYCLES_MAX + 1])
def test_a_host_clock_outside_time_is_refused(host_clock: int) -> None:
    with boot_guest("heartbeat") as machine:
        snapshot = freeze(machine)
    with pytest.raises(IncompatibleError, match=f"host_clock is {host_clock} cycles"):
        thaw(snapshot, entropy=bytes, host_clock=host_clock)
