"""Options about devices: of a machine that is made, and of one that is thawed."""

from __future__ import annotations

from typing import Any

import click

from harness.commands.options import Decorator, gather

_DEVICES: dict[str, Decorator] = {
    "drives": click.option(
        "--drive", "drives", metavar="ID=FILE[,…]", multiple=True,
        help="A disk: FILE, which stays as it is, behind a virtio-blk device. Behind a comma: "
        "`root` (the kernel mounts it), `ro`, `write` (writes go to FILE), `unsafe` (no flushes).",
    ),
    "nets": click.option(
        "--net", "nets", metavar="ID[,…]", multiple=True,
        help="A virtio-net device. Behind a comma: `mac=MAC`, `mtu=BYTES`, `ip=ADDRESS` of a peer "
        "that answers, `record=FILE` and `play=FILE` (pcap).",
    ),
    "vsock": click.option(
        "--vsock", metavar="CID[,PORT=WHAT]…",
        help="A vsock, and what listens on ports of the host: `echo`, `discard`, `file:FILE`, "
        "`feed:FILE`.",
    ),
    "has_rng": click.option("--rng", "has_rng", is_flag=True, help="A virtio-rng device."),
    "balloon": click.option(
        "--balloon", metavar="MIB[,…]",
        help="A balloon of so many MiB. Behind a comma: `deflate-on-oom`, `stats=SECONDS`.",
    ),
    "has_boot_timer": click.option(
        "--boot-timer", "has_boot_timer", is_flag=True,
        help="Where the guest tells that it has booted, as an event.",
    ),
}  # fmt: skip

_BACKINGS: dict[str, Decorator] = {
    "drives": click.option(
        "--drive", "drives", metavar="ID=FILE[,write]", multiple=True,
        help="The file behind a disk, in place of the one that the snapshot names.",
    ),
    "nets": click.option(
        "--net", "nets", metavar="ID[,…]", multiple=True,
        help="What a network device leads to: `ip=ADDRESS`, `record=FILE`, `play=FILE`; nothing by "
        "default.",
    ),
    "endpoints": click.option(
        "--vsock", "endpoints", metavar="PORT=WHAT[,…]", help="What listens on ports of the host.",
    ),
}  # fmt: skip


def _devices(given: dict[str, Any]) -> object:
    from harness.actions.devices import DeviceOptions
    from harness.device_options import parse_balloon, parse_drive, parse_net, parse_vsock

    vsock, balloon = given["vsock"], given["balloon"]
    return DeviceOptions(
        drives=tuple(map(parse_drive, given["drives"])),
        nets=tuple(map(parse_net, given["nets"])),
        vsock=None if vsock is None else parse_vsock(vsock),
        has_rng=given["has_rng"],
        balloon=None if balloon is None else parse_balloon(balloon),
        has_boot_timer=given["has_boot_timer"],
    )


def _backings(given: dict[str, Any]) -> object:
    from harness.actions.devices import BackingOptions
    from harness.device_options import parse_drive, parse_endpoints, parse_net

    endpoints = given["endpoints"]
    return BackingOptions(
        drives=tuple(map(parse_drive, given["drives"])),
        nets=tuple(map(parse_net, given["nets"])),
        endpoints=() if endpoints is None else parse_endpoints(endpoints),
    )


device_options = gather("devices", _DEVICES, _devices)
"""Options of a command that makes a machine, which gets them as one argument: `devices`."""

backing_options = gather("backings", _BACKINGS, _backings)
"""Options of a command that thaws a machine, which gets them as one argument: `backings`."""
