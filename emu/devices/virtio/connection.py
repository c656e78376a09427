"""Where a virtio device and its transport meet."""

from __future__ import annotations

from typing import Protocol


class Connection(Protocol):
    """A device's way to its driver: the transport."""

    @property
    def needs_reset(self) -> bool:
        """Whether the device has failed, and does nothing until the driver resets it."""

    def notify_used(self) -> None:
        """Interrupt: buffers were given back."""

    def notify_configuration(self) -> None:
        """Interrupt: the configuration space has changed."""

    def fail(self) -> None:
        """Tell the driver that the device needs a reset (virtio 1.2, 2.1.2)."""
