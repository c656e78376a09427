"""Virtio devices, and the transport that connects them to a machine.

A device (`device`, and a module for each type) knows queues, features and a configuration space,
and not how the driver reaches them. A transport (`mmio`) knows registers and interrupts, and not
what the device does. They meet in `device.VirtioDevice` and `connection.Connection`.
"""
