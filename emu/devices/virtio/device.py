"""What all virtio devices have in common, whatever transport connects them.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, sections 2 and 3.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from emu.arch.virtio import DeviceType, Feature
from emu.core.events import BufferUsed, DriverViolation, QueueNotified
from emu.devices.host import Host
from emu.devices.virtio.chain import Chain
from emu.devices.virtio.connection import Connection
from emu.devices.virtio.virtqueue import QueueState, Virtqueue
from emu.errors import DriverError, GuestError, IncompatibleError, MachineError

_U64: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Notification:
    """The driver's word that the device has yet to act on.

    Attributes:
        queue: index of the queue.
        due_cycles: when the device will, in virtual time.
    """

    queue: int
    due_cycles: int


@dataclass(slots=True, kw_only=True)
class VirtioState:
    """The part of a device's state that all types have.

    Attributes:
        avail_features: feature bits that the device offers, 64 bits.
        acked_features: feature bits that the driver has written so far, 64 bits.
        queues: each queue.
        activated: whether the driver has started the device.
        notified: what the device has yet to look at. No monitor's format carries it: it looks at
            all queues after a restore.
    """

    avail_features: int
    acked_features: int = 0
    queues: list[QueueState] = field(default_factory=list)
    activated: bool = False
    notified: tuple[Notification, ...] = ()


class VirtioDevice(ABC):
    """A device of some type. A subclass says what it does with its queues.

    Args:
        name: what tells it from others in a machine: its id.
        host: the machine.
        features: feature bits that it offers.
        queue_sizes: the largest size of each queue, in descriptors.

    Attributes:
        name: its id.
        host: the machine.
        avail_features: feature bits that it offers.
        acked_features: feature bits that the driver has written.
        queues: its queues.
        activated: whether the driver has started it.
    """

    type: ClassVar[DeviceType]

    def __init__(self, name: str, host: Host, *, features: int, queue_sizes: Sequence[int]) -> None:
        self.name = name
        self.host = host
        self.avail_features = features
        self.acked_features = 0
        self.queues = [Virtqueue(size) for size in queue_sizes]
        self.activated = False
        self._connection: Connection | None = None
        self._notified: list[Notification] = []

    # --- what a type of device is ------------------------------------------------------------

    @abstractmethod
    def process(self, queue: int) -> None:
        """The driver may have made buffers available in this queue.

        Raises:
            DriverError: the driver broke a rule, so that the device can't go on.
        """

    @abstractmethod
    def state(self) -> object:
        """A copy of the device's state: a dataclass of its type, with a `VirtioState` in it."""

    @abstractmethod
    def load_state(self, state: Any) -> None:
        """Become such a state. Nothing is given back, and no interrupt raised.

        Raises:
            IncompatibleError: a value does not fit.
        """

    @property
    def config_space(self) -> bytes:
        """The device's configuration space; by default there is none."""
        return b""

    def write_config(self, offset: int, data: bytes) -> None:
        """The driver writes to the configuration space; by default none of it can be written."""
        self.tell_violation(
            f"{len(data)} bytes are written at {offset:#x} of the configuration space, where "
            "nothing can be written"
        )

    # --- for the transport -------------------------------------------------------------------

    def connect(self, connection: Connection) -> None:
        """Connect the device to its transport, once, before anything else."""
        self._connection = connection

    def activate(self) -> None:
        """The driver starts the device: use the queues that it has set up. A type of device that
        has more to do extends this.

        Raises:
            DriverError: it has set up one so that it can't be used.
        """
        for index, queue in enumerate(self.queues):
            if queue.state.ready:
                self._enable(index)
        self.activated = True

    def reset(self) -> None:
        """The driver resets the device: as it was made, but for what its user has set. A type of
        device that has more to forget extends this.
        """
        for queue in self.queues:
            queue.reset()
        self.acked_features = 0
        self.activated = False
        self._notified.clear()

    def stop_queue(self, queue: int) -> None:
        """The driver stops a queue: nothing more is taken from it, and what would be given back to
        it is not, until the device is reset.
        """
        self.queues[queue].state.ready = False
        self.queues[queue].disable()

    def notify(self, queue: int) -> None:
        """The driver tells that there may be buffers in a queue. If it has not started the device,
        this waits until it has, as in an eventfd of a real monitor: Linux's balloon driver depends
        on that (v6.12, `init_vqs` in `drivers/virtio/virtio_balloon.c`).
        """
        if not self.activated and queue < len(self.queues):
            self.tell_violation(f"queue {queue} is notified before DRIVER_OK (virtio 1.2, 3.1.1)")
            self._put_off(Notification(queue, self.host.clock.now()))
            return
        if queue >= len(self.queues) or not self.queues[queue].is_enabled:
            self.tell_violation(f"queue {queue} is notified, and it is not in use")
            return
        if self.host.events.active:
            self.host.events.emit(QueueNotified(self.name, queue))
        if not self.host.latency_cycles:
            self._serve(queue)
        else:
            self._put_off(Notification(queue, self.host.clock.now() + self.host.latency_cycles))

    def serve_early_notifications(self) -> None:
        """The driver has started the device: act on what it told before."""
        early, self._notified = self._notified, []
        for waiting in early:
            self.notify(waiting.queue)

    def kick(self) -> None:
        """Look at all queues, as a monitor does after a restore: what was notified before is not
        in the snapshot.
        """
        if self.activated:
            for index, queue in enumerate(self.queues):
                if queue.is_enabled:
                    self._serve(index)

    # --- for the types of devices ------------------------------------------------------------

    @property
    def connection(self) -> Connection:
        """The transport; `MachineError` if the device is in no machine."""
        if self._connection is None:
            raise MachineError(f"the device {self.name} is not connected to a transport")
        return self._connection

    def has(self, feature: int) -> bool:
        """Whether a feature was negotiated, by its bit number."""
        return bool(self.acked_features >> feature & 1)

    def tell_violation(self, reason: str, *, needs_reset: bool = False) -> None:
        """Tell that the driver broke a rule."""
        if self.host.events.active:
            self.host.events.emit(DriverViolation(self.name, reason, needs_reset))

    def fail(self, reason: str) -> None:
        """The driver broke a rule so that the device can't go on: it needs a reset."""
        self.tell_violation(reason, needs_reset=True)
        self.connection.fail()

    def guarded(self, call: Callable[[], None]) -> None:
        """Do something that the driver may have made impossible, such as what was put off."""
        if self.connection.needs_reset or not self.activated:
            return
        try:
            call()
        except (DriverError, GuestError) as error:
            self.fail(str(error))

    def drain(self, queue: int, handle: Callable[[Chain], int | None]) -> None:
        """Take what is available in a queue, chain by chain, and interrupt at the end if the driver
        wants that.

        Args:
            queue: its index.
            handle: deals with a chain, and says how many bytes it has written to it; None if it
                can't now: then the chain is available again, and so are those behind it.

        Raises:
            DriverError: the driver broke a rule, or `handle` wrote to a buffer that is a part of
                the rings, so that there would be no end.
        """
        source = self.queues[queue]
        left = source.available()
        while not source.arm():
            chain = source.pop()
            if chain is None:
                break
            left -= 1
            if left < 0:
                raise DriverError(
                    f"queue {queue} has more available while the device is at it, and the driver "
                    "waits: a buffer that the device writes to is a part of the rings"
                )
            written = handle(chain)
            if written is None:
                source.undo_pop()
                break
            self.give_back(queue, chain.head, written)
        self.interrupt(queue)

    def give_back(self, queue: int, head: int, written: int) -> None:
        """Put a chain into the used ring, unless the driver has stopped the queue. Call `interrupt`
        next, sooner or later.
        """
        if not self.queues[queue].is_enabled:
            return
        self.queues[queue].add_used(head, written)
        if self.host.events.active:
            self.host.events.emit(BufferUsed(self.name, queue, head, written))

    def interrupt(self, queue: int) -> None:
        """Interrupt, if anything was given back and the driver wants to know."""
        if self.queues[queue].should_interrupt():
            self.connection.notify_used()

    def virtio_state(self) -> VirtioState:
        """A copy of what all types have."""
        return VirtioState(
            avail_features=self.avail_features,
            acked_features=self.acked_features,
            queues=[queue.copy_state() for queue in self.queues],
            activated=self.activated,
            notified=tuple(self._notified),
        )

    def load_virtio_state(self, state: VirtioState) -> None:
        """Become `state`; nothing is given back, and no interrupt raised.

        Raises:
            IncompatibleError: a value does not fit, there are other queues than this device has, or
                one of a device that was started can't be used.
        """
        self._check(state)
        self.avail_features = state.avail_features
        self.acked_features = state.acked_features
        self.activated = state.activated
        for index, saved in enumerate(state.queues):
            self.queues[index].load_state(saved)
            if saved.ready and state.activated:
                self._enable_saved(index)
        self._notified.clear()
        for waiting in state.notified:
            self._put_off(waiting)

    # --- inside ------------------------------------------------------------------------------

    def _serve(self, queue: int) -> None:
        self.guarded(lambda: self.process(queue))

    def _put_off(self, waiting: Notification) -> None:
        """Serve it when it is due, or when the device is started."""

        def serve() -> None:
            if waiting in self._notified:  # else it was reset meanwhile
                self._notified.remove(waiting)
                self._serve(waiting.queue)

        if any(waiting.queue == other.queue for other in self._notified):
            return
        self._notified.append(waiting)
        if self.activated:
            self.host.deadlines.at(waiting.due_cycles, serve)

    def _enable(self, index: int) -> None:
        try:
            self.queues[index].enable(
                self.host.memory,
                event_idx=self.has(Feature.EVENT_IDX),
                indirect=self.has(Feature.INDIRECT_DESC),
            )
        except DriverError as error:
            raise DriverError(f"queue {index}: {error}") from None

    def _enable_saved(self, index: int) -> None:
        try:
            self._enable(index)
        except DriverError as error:
            raise IncompatibleError(f"state of the device {self.name}: {error}") from None

    def _check(self, state: VirtioState) -> None:
        where = f"state of the device {self.name}"
        if len(state.queues) != len(self.queues):
            raise IncompatibleError(
                f"{where}: {len(state.queues)} queues; expected {len(self.queues)}"
            )
        for name in ("avail_features", "acked_features"):
            if not 0 <= getattr(state, name) <= _U64:
                raise IncompatibleError(
                    f"{where}: {name} is {getattr(state, name):#x}, which is not of 64 bits"
                )
        for index, saved in enumerate(state.queues):
            saved.check(f"{where}, queue {index}")
        for waiting in state.notified:
            if not 0 <= waiting.queue < len(self.queues):
                raise IncompatibleError(f"{where}: queue {waiting.queue} is notified")
