"""The Interrupt Translation Service: it makes the MSIs of devices into LPIs (IHI 0069, chapter 5).

It is modelled on KVM's (arch/arm64/kvm/vgic/vgic-its.c), because the guests are KVM's: what a
command maps is kept here, and is in the guest's tables only when a VMM has had them saved.

| module | what |
|---|---|
| `its` | the ITS assembled, and what devices and a VMM call |
| `registers` | GITS_* registers and the state of the queue |
| `commands` | what each command does |
| `mappings` | devices, events and collections that are mapped |
| `tables` | where entries are in guest RAM |
| `saved_tables` | SAVE_TABLES and RESTORE_TABLES |
| `user_access` | registers as a VMM finds them |
| `state_checks` | whether a state is one that an ITS can have |
"""

from emu.gic.its.its import Its
from emu.gic.its.state_checks import check_state

__all__ = ["Its", "check_state"]
