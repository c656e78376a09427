"""The initramfs of a session: busybox, and an init that mounts the usual and becomes a shell."""

from __future__ import annotations

from collections.abc import Mapping

from tests.linux import cpio

PROMPT = "guest# "

_APPLETS = (
    "cat", "cttyhack", "cut", "date", "dmesg", "echo", "grep", "head", "ls", "md5sum", "mount",
    "poweroff", "setsid", "sh", "sleep", "sort", "stty", "taskset", "tr", "uname", "wc",
)  # fmt: skip

# A line that does not fit the terminal would be echoed in pieces.
_INIT = f"""\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
stty columns 1000
export PS1='{PROMPT}'
exec setsid cttyhack sh
"""


def build(busybox: bytes, programs: Mapping[str, bytes] | None = None) -> bytes:
    """The archive around a static busybox for arm64, with more programs by name."""
    return cpio.archive(
        [
            *map(cpio.folder, ("bin", "dev", "proc", "sys")),
            cpio.character_device("dev/console", 5, 1),
            cpio.program("bin/busybox", busybox),
            *(cpio.link(f"bin/{applet}", "busybox") for applet in _APPLETS),
            *(cpio.program(f"bin/{name}", data) for name, data in (programs or {}).items()),
            cpio.program("init", _INIT.encode()),
        ]
    )
