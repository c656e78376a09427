"""The files that a session is held with: busybox, its links, and what runs first.

A machine without a disk has them in its initramfs. One with a disk has an initramfs that loads the
kernel's modules, mounts what `root=` on the command line says, as Debian's own does, and goes on
with the init that is there.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.linux import cpio, entries, modules
from tests.linux.entries import Entry

PROMPT = "guest# "

_APPLETS = (
    "cat", "cttyhack", "cut", "date", "dd", "dmesg", "echo", "grep", "head",
    "hexdump", "insmod", "ip", "ls", "md5sum", "mount", "ping", "poweroff", "setsid", "sh",
    "sleep", "sort", "stty", "switch_root", "sync", "taskset", "tr", "umount", "uname", "wc",
)  # fmt: skip
_FOLDERS = ("bin", "dev", "proc", "root", "sys", "tmp")

_MOUNTS = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
"""

# A line that does not fit the terminal would be echoed in pieces. The shell is not process 1, which
# gets SIGCHLD for every orphan: in the middle of an echo that is an error, and a character lost.
_SHELL = f"""\
stty columns 1000
export PS1='{PROMPT}'
setsid cttyhack sh
"""

_SWITCH_ROOT = f"""\
for file in $(cat /{modules.ORDER}); do insmod /{modules.FOLDER}/$file; done
mode=ro
for word in $(cat /proc/cmdline); do
    case $word in
        root=*) device=${{word#root=}} ;;
        ro|rw) mode=$word ;;
    esac
done
mount -t ext4 -o $mode $device /root
umount /dev /sys /proc
exec switch_root /root /init
"""


def build(busybox: bytes, programs: Mapping[str, bytes] | None = None) -> bytes:
    """The archive for a machine without a disk, around a static busybox for arm64, with more
    programs by name.
    """
    return cpio.archive(
        [
            *session_files(busybox, programs or {}),
            entries.character_device("dev/console", 5, 1),
        ]
    )


def session_files(busybox: bytes, programs: Mapping[str, bytes]) -> list[Entry]:
    """What a root file system needs for a session."""
    return _files(busybox, programs, _MOUNTS + _SHELL)


def for_disk(busybox: bytes, modules_archive: bytes) -> bytes:
    """The archives, one behind the other, for a machine that has its root file system on a disk."""
    switch = _files(busybox, {}, _MOUNTS + _SWITCH_ROOT)
    return modules_archive + cpio.archive([*switch, entries.character_device("dev/console", 5, 1)])


def _files(busybox: bytes, programs: Mapping[str, bytes], init: str) -> list[Entry]:
    return [
        *map(entries.folder, _FOLDERS),
        entries.program("bin/busybox", busybox),
        *(entries.link(f"bin/{applet}", "busybox") for applet in _APPLETS),
        *(entries.program(f"bin/{name}", data) for name, data in programs.items()),
        entries.program("init", init.encode()),
    ]
