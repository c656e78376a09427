"""Everything that happens, in order, with its virtual time.

Producers ask `if events.active:` before they build an event, so that a stream nobody listens to
costs one attribute read. Listening never changes what the guest sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from emu.arch.smccc import Conduit
from emu.core.ports import Clock


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    def __str__(self) -> str:
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        shown = (f"{k}={v:#x}" if type(v) is int and v > 9 else f"{k}={v}" for k, v in values)
        return " ".join([type(self).__name__, *shown])


@dataclass(frozen=True, slots=True)
class IrqPended(Event):
    """An interrupt became pending. `vcpu` is None for an SPI."""

    intid: int
    vcpu: int | None


@dataclass(frozen=True, slots=True)
class IrqAcknowledged(Event):
    """The guest read the interrupt's INTID from ICC_IARn_EL1."""

    intid: int
    vcpu: int


@dataclass(frozen=True, slots=True)
class IrqEnded(Event):
    """The guest wrote the INTID to ICC_EOIRn_EL1 (priority drop; deactivation if EOImode is 0)."""

    intid: int
    vcpu: int


@dataclass(frozen=True, slots=True)
class IrqDeactivated(Event):
    """The guest deactivated the interrupt through ICC_DIR_EL1."""

    intid: int
    vcpu: int


@dataclass(frozen=True, slots=True)
class ItsCommandIgnored(Event):
    """The ITS could not carry out a command of the guest's queue."""

    command: str
    reason: str


@dataclass(frozen=True, slots=True)
class MsiDropped(Event):
    """A device sent an MSI that the ITS could not translate to an LPI."""

    device_id: int
    event_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class ExceptionTaken(Event):
    """A synchronous exception was taken to EL1, with its syndrome and return address."""

    vcpu: int
    esr: int
    elr: int


@dataclass(frozen=True, slots=True)
class FeatureIgnored(Event):
    """An ID register field promises what the vCPU lacks, and the guest does without. Told when it
    begins to run.
    """

    vcpu: int
    register: str
    field: str
    value: int


@dataclass(frozen=True, slots=True)
class InterruptTaken(Event):
    """An IRQ or FIQ exception was taken to EL1, with its return address."""

    vcpu: int
    is_fiq: bool
    elr: int


@dataclass(frozen=True, slots=True)
class HypervisorCall(Event):
    """A firmware call, with its function id (W0), what it returned in X0, and how it was made."""

    vcpu: int
    function: int
    result: int
    conduit: Conduit = Conduit.HVC


@dataclass(frozen=True, slots=True)
class WaitStarted(Event):
    """A vCPU executed WFI with nothing to wake it."""

    vcpu: int


@dataclass(frozen=True, slots=True)
class TimerFired(Event):
    """A generic timer's condition became true; `intid` is its PPI."""

    vcpu: int
    intid: int


@dataclass(frozen=True, slots=True)
class ConsoleOutput(Event):
    """The guest sent one byte to the serial console."""

    byte: int


@dataclass(frozen=True, slots=True)
class GenerationChanged(Event):
    """VMGenID wrote a new generation id (128 bit) to guest memory."""

    address: int
    generation_id: int


@dataclass(frozen=True, slots=True)
class ClockDisrupted(Event):
    """VMClock wrote to guest memory that the clock has jumped and that the VM was restored."""

    address: int
    disruption_marker: int
    vm_generation_counter: int


@dataclass(frozen=True, slots=True)
class MmioAccess(Event):
    """The guest loaded from or stored to a device register. `offset` is within the window."""

    vcpu: int
    window: str
    offset: int
    size: int
    value: int
    is_write: bool


@dataclass(frozen=True, slots=True)
class QueueNotified(Event):
    """The driver told a virtio device that there may be buffers in a queue."""

    device: str
    queue: int


@dataclass(frozen=True, slots=True)
class BufferUsed(Event):
    """A virtio device gave back the chain of buffers with this head, `written` bytes of it."""

    device: str
    queue: int
    head: int
    written: int


@dataclass(frozen=True, slots=True)
class DriverViolation(Event):
    """A driver broke a rule of virtio. Either the device passes over it, or needs a reset."""

    device: str
    reason: str
    needs_reset: bool


@dataclass(frozen=True, slots=True)
class FrameSent(Event):
    """A network device sent a frame of the guest's; its size is without virtio's header."""

    device: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FrameReceived(Event):
    """A network device wrote a frame into buffers of the guest's."""

    device: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FrameDropped(Event):
    """A frame for the guest was lost at its network device."""

    device: str
    size_bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class BackingFailed(Event):
    """What stands behind a device failed, such as a disk's file; the guest is told of an error."""

    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class MemoryDiscarded(Event):
    """A balloon took memory that the guest gave up: it reads as zeros from here on."""

    device: str
    address: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class GuestBooted(Event):
    """The guest told the boot timer that it has booted."""


@dataclass(frozen=True, slots=True)
class VsockPacket(Event):
    """A packet of a vsock device: what it is for, its ports, and how much data it carries."""

    device: str
    is_from_guest: bool
    operation: str
    host_port: int
    guest_port: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class VsockPacketDropped(Event):
    """A packet or an event of a vsock device came to nothing, although no rule was broken."""

    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlanStepDone(Event):
    """A step of a save or restore plan was carried out."""

    plan: str
    step: str


@dataclass(frozen=True, slots=True)
class Stamped:
    """An event and the virtual time, in cycles, at which it happened."""

    time: int
    event: Event

    def __str__(self) -> str:
        return f"{self.time:>12} {self.event}"


Listener = Callable[[Stamped], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Subscription:
    """One call of `subscribe`: the same listener may have several."""

    listener: Listener
    without: frozenset[type[Event]]


class EventStream:
    """The one ordered stream of a machine.

    Attributes:
        active: whether anybody listens.
    """

    __slots__ = ("_clock", "_subscriptions", "_unwanted", "active")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._set(())

    def wants(self, kind: type[Event]) -> bool:
        """Whether anybody listens to events of this kind: to be asked before a frequent one."""
        return self.active and kind not in self._unwanted

    def emit(self, event: Event) -> None:
        """Stamp `event` with the time and hand it to every listener, in order of subscription."""
        stamped = Stamped(self._clock.now(), event)
        for subscription in self._subscriptions:
            if type(event) not in subscription.without:
                subscription.listener(stamped)

    def subscribe(
        self, listener: Listener, *, without: Iterable[type[Event]] = ()
    ) -> Callable[[], None]:
        """Start listening; the returned function stops it (and may be called twice).

        Args:
            listener: is told of each event.
            without: kinds of events that it is not told of, so that they need not be made.
        """
        subscription = _Subscription(listener, frozenset(without))
        self._set((*self._subscriptions, subscription))

        def unsubscribe() -> None:
            self._set(tuple(s for s in self._subscriptions if s is not subscription))

        return unsubscribe

    def _set(self, subscriptions: tuple[_Subscription, ...]) -> None:
        self._subscriptions = subscriptions
        self.active = bool(subscriptions)
        without = [subscription.without for subscription in subscriptions]
        self._unwanted = frozenset.intersection(*without) if without else frozenset()
