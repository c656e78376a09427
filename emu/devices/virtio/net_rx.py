"""How a network device receives: frames from the link into buffers of the driver's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from emu.arch.virtio_net import HEADER, NUM_BUFFERS_OFFSET, RX_QUEUE, NetFeature
from emu.core.events import BufferUsed, FrameDropped, FrameReceived
from emu.devices.network.link import Port
from emu.devices.virtio.chain import Chain
from emu.devices.virtio.device import VirtioDevice
from emu.devices.virtio.net_frames import PLAIN_HEADER
from emu.devices.virtio.net_state import FRAME_SIZE_BYTES_MAX, RxBufferState
from emu.devices.virtio.rate_limiter import RateLimiter
from emu.errors import DriverError

_SMALL_CHAIN_SIZE_BYTES: Final = 1526
"""The least size of a chain without MRG_RXBUF and segmentation (5.1.6.3.1); with segmentation it is
that of the largest frame."""

_SEGMENTED: Final = (NetFeature.GUEST_TSO4, NetFeature.GUEST_TSO6, NetFeature.GUEST_UFO)


class _Seen(NamedTuple):
    """A chain that was tried for a frame.

    Attributes:
        chain: the chain.
        written: bytes of the frame that are in it.
        fault: why it can't be used; empty if it can.
    """

    chain: Chain
    written: int
    fault: str = ""


class Receiver:
    """The receiving half of a network device; the rules are in `emu.devices.virtio.net`.

    Args:
        device: the device.
        port: where frames come from.
        limiter: limits them.
        takes_ahead: whether chains are taken before there are frames for them.

    Attributes:
        limiter: limits received frames.
        takes_ahead: whether chains are taken before there are frames for them.
        buffers: how far the driver's buffers are used.
    """

    def __init__(
        self, device: VirtioDevice, port: Port, limiter: RateLimiter, *, takes_ahead: bool
    ) -> None:
        self.limiter = limiter
        self.takes_ahead = takes_ahead
        self.buffers = RxBufferState()
        self._device = device
        self._port = port
        self._queue = device.queues[RX_QUEUE]

    def receive(self) -> None:
        """Give the driver all frames that there are, as far as there are buffers and the rate
        limiter has nothing against it.

        Raises:
            DriverError: the driver broke a rule so that the device can't go on.
        """
        if not self._queue.is_enabled:
            return
        if self.takes_ahead:
            self._take_ahead()
        if not self.limiter.is_blocked:
            while self._finish_frame() and self._receive_frame():
                pass
        self._device.interrupt(RX_QUEUE)

    # --- chains ------------------------------------------------------------------------------

    def _take_ahead(self) -> None:
        size = self._queue.state.size
        while not self._queue.arm():
            taken = self.buffers.parsed_descriptor_chains_nr + self._queue.available()
            if taken > size:
                raise DriverError(
                    f"the driver has {taken} chains available; the queue has {size} descriptors"
                )
            self._queue.take_all()
            self.buffers.parsed_descriptor_chains_nr = taken

    def _taken(self, index: int) -> Chain | None:
        """One of the chains that were taken and not used, the first first; None if that is all."""
        buffers, queue = self.buffers, self._queue
        if index == buffers.parsed_descriptor_chains_nr:
            if self.takes_ahead or (not queue.available() and queue.arm()):
                return None
            buffers.parsed_descriptor_chains_nr += queue.pop() is not None
        return queue.taken(buffers.parsed_descriptor_chains_nr - index)

    def _put_back(self) -> None:
        """Chains that were not used are available again."""
        self._queue.undo_pop(self.buffers.parsed_descriptor_chains_nr)
        self.buffers.parsed_descriptor_chains_nr = 0

    def _fill(self, chain: Chain, data: bytes, frame_size_bytes: int) -> int:
        """Write to a chain: how many bytes it took.

        Raises:
            DriverError: it can't be used.
        """
        if chain.readable:
            raise DriverError(f"the chain with head {chain.head} is to be written, and is readable")
        least, size_bytes = self._least_size_bytes(frame_size_bytes), chain.writable_size_bytes
        if size_bytes < least:
            raise DriverError(
                f"the chain with head {chain.head} has room for {size_bytes} bytes; expected "
                f"{least} or more"
            )
        return chain.write(data)

    def _least_size_bytes(self, frame_size_bytes: int) -> int:
        if self._device.has(NetFeature.MRG_RXBUF):
            return HEADER.size
        if not self.takes_ahead:
            return frame_size_bytes
        is_segmented = any(self._device.has(feature) for feature in _SEGMENTED)
        return FRAME_SIZE_BYTES_MAX if is_segmented else _SMALL_CHAIN_SIZE_BYTES

    # --- frames ------------------------------------------------------------------------------

    def _receive_frame(self) -> bool:
        """Take a frame from the link; False if there is none, or it has to wait."""
        frame = self._port.waiting()
        if frame is None:
            return False
        size_bytes = HEADER.size + len(frame)
        if size_bytes > FRAME_SIZE_BYTES_MAX:
            self._drop(frame, f"it is larger than {FRAME_SIZE_BYTES_MAX - HEADER.size} bytes")
            return True
        if self.takes_ahead:
            return self._store(frame)
        if not self.limiter.consume(size_bytes):
            return False
        try:
            is_stored = self._store(frame)
        finally:
            self._put_back()
        if is_stored:
            self._publish()
        else:
            self.limiter.replenish(size_bytes)
        return is_stored

    def _store(self, frame: bytes) -> bool:
        """Write a frame into the driver's buffers; False if it has to wait."""
        data, done = PLAIN_HEADER + frame, 0
        filled: list[_Seen] = []
        unusable: list[_Seen] = []
        merges = self._device.has(NetFeature.MRG_RXBUF)
        while done < len(data) and (merges or not filled):
            chain = self._taken(len(filled) + len(unusable))
            if chain is None:
                break
            seen = self._try(chain, data[done:], len(data))
            (unusable if seen.fault else filled).append(seen)
            done += seen.written
        if done == len(data):
            self._stage([*unusable, *filled])  # a frame's chains are used one after the other
            self._port.take()
            self._complete(frame, [seen.chain for seen in filled])
            return True
        if filled and merges:
            return False
        self._stage(unusable)
        self._publish()
        if filled:
            room = filled[0].chain.writable_size_bytes
            self._drop(frame, f"the driver's buffer has room for {room} bytes, with a header")
        return bool(filled)

    def _try(self, chain: Chain, data: bytes, frame_size_bytes: int) -> _Seen:
        try:
            return _Seen(chain, self._fill(chain, data, frame_size_bytes))
        except DriverError as error:
            return _Seen(chain, 0, str(error))

    def _complete(self, frame: bytes, chains: Sequence[Chain]) -> None:
        chains[0].write(len(chains).to_bytes(2, "little"), NUM_BUFFERS_OFFSET)
        self.buffers.used_bytes = HEADER.size + len(frame)
        if self._device.host.events.active:
            self._device.host.events.emit(FrameReceived(self._device.name, len(frame)))

    def _finish_frame(self) -> bool:
        """Let the driver see the frame that is in its buffers, if there is one; False if the rate
        limiter is against it.
        """
        used_bytes = self.buffers.used_bytes
        if used_bytes and not self.limiter.consume(used_bytes):
            return False
        self._publish()
        return True

    def _drop(self, frame: bytes, reason: str) -> None:
        self._port.take()
        if self._device.host.events.active:
            self._device.host.events.emit(FrameDropped(self._device.name, len(frame), reason))

    # --- used entries --------------------------------------------------------------------------

    def _stage(self, used: Sequence[_Seen]) -> None:
        """Write used entries, of the chains that were taken first."""
        for chain, written, fault in used:
            if fault:
                self._device.tell_violation(fault)
            self._queue.stage_used(self.buffers.used_descriptors, chain.head, written)
            self.buffers.used_descriptors += 1
            self.buffers.parsed_descriptor_chains_nr -= 1

    def _publish(self) -> None:
        """Let the driver see the used entries that are written."""
        count, events = self.buffers.used_descriptors, self._device.host.events
        if events.active:
            for head, written in self._queue.staged(count):
                events.emit(BufferUsed(self._device.name, RX_QUEUE, head, written))
        self._queue.publish_used(count)
        self.buffers.used_descriptors = self.buffers.used_bytes = 0
