"""The kernel command line: the user's words, and those that a monitor adds.

Source: `crates/vmm` of squib 0.2.0; Firecracker v1.9.0 to v1.16.0, `src/vmm/src/builder.rs`,
`device_manager/mmio.rs` and `vmm_config/boot_source.rs`, with `cmdline` of the crate linux-loader.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from emu.errors import BoardError

_INIT_SEPARATOR: Final = " -- "
"""What follows it goes to init (Linux, `Documentation/admin-guide/kernel-parameters.rst`)."""


@dataclass(frozen=True, slots=True)
class Root:
    """The drive that a kernel is to mount as its root.

    Attributes:
        partuuid: the partition of it, by its unique id; None for the whole drive.
        is_read_only: whether it is mounted read-only.
    """

    partuuid: str | None = None
    is_read_only: bool = False

    def words(self) -> tuple[str, ...]:
        """What tells a kernel so. The monitor attaches a root drive before all others."""
        device = f"PARTUUID={self.partuuid}" if self.partuuid else "/dev/vda"
        return (f"root={device}", "ro" if self.is_read_only else "rw")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """What a board adds to the kernel command line: after the user's words, before init's.

    Attributes:
        console: what `console=` names if the user names nothing; added where there is a UART.
        defaults: options that are added if the user has not given them.
        always: words that are added whatever the user gave.
        names_root: whether a root drive is named; else that is the user's business.
        earlycon: how the kernel finds the UART before its driver runs, with `{base}` for the
            address of its registers; added where there is a UART, unless it is empty.
        unasked: what the monitor takes if its user gives no command line at all.
        max_size_bytes: the longest, with its NUL; None if the monitor does not limit it. One that
            is limited must be printable ASCII too.
    """

    console: str
    defaults: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    always: tuple[str, ...] = ()
    names_root: bool = False
    earlycon: str = ""
    unasked: str = ""
    max_size_bytes: int | None = None

    def compose(self, given: str, uart_base: int | None, root: Root | None = None) -> str:
        """The whole command line.

        Args:
            given: the user's words.
            uart_base: guest-physical address of the UART's registers; None without a UART.
            root: the root drive; None without one.

        Raises:
            BoardError: it is too long, or has characters that the monitor does not take.
        """
        words, init_words = _split(given)
        composed = " ".join([*([words] if words else []), *self._added(words, uart_base, root)])
        if init_words:
            composed = f"{composed}{_INIT_SEPARATOR}{init_words}"
        if self.max_size_bytes is not None:
            _check(composed, self.max_size_bytes)
        return composed

    def _added(self, words: str, uart_base: int | None, root: Root | None) -> Iterator[str]:
        keys = {word.partition("=")[0] for word in words.split()}
        if uart_base is not None and "console" not in keys:
            yield f"console={self.console}"
        yield from (f"{key}={value}" for key, value in self.defaults.items() if key not in keys)
        yield from self.always
        if root is not None and self.names_root:
            yield from root.words()
        if uart_base is not None and self.earlycon:
            yield self.earlycon.format(base=uart_base)


def _split(given: str) -> tuple[str, str]:
    """The kernel's words and init's. A separator between double quotes is none."""
    at = given.find(_INIT_SEPARATOR)
    while at >= 0 and given.count('"', 0, at) % 2:
        at = given.find(_INIT_SEPARATOR, at + 1)
    if at < 0:
        return given.strip(), ""
    return given[:at].strip(), given[at + len(_INIT_SEPARATOR) :].strip()


def _check(composed: str, max_size_bytes: int) -> None:
    strange = next((c for c in composed if not " " <= c <= "~"), None)
    if strange is not None:
        raise BoardError(
            f"the kernel command line has {strange!r}; the monitor takes printable ASCII alone"
        )
    if len(composed) >= max_size_bytes:
        raise BoardError(
            f"the kernel command line has {len(composed)} bytes with what the board adds, and the "
            f"monitor takes {max_size_bytes - 1}; shorten it"
        )
