"""Where a machine's apt gets packages from: its sources, in both of the forms they are written in.

Source: sources.list(5) of apt 2.6, "One-Line-Style Format" and "Deb822-Style Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ETC_APT = Path("/etc/apt")

_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<rest>.+)")
_FIELD = re.compile(r"(?P<name>[^\s:#][^\s:]*):(?P<value>.*)")
_OFF = {"no", "false", "off", "without", "disable", "0"}


@dataclass(frozen=True, slots=True)
class AptSource:
    """Packages of some suites, and how they are trusted.

    Attributes:
        uris: roots of the archive, each as good as the other.
        suites: releases, by code name or by class.
        components: parts of each release.
        signed_by: a keyring's path, fingerprints, or a key itself, which has several lines; "" for
            whatever apt trusts.
        trusted: `yes` if it needs no signature, as is written there; "" if nothing is.
    """

    uris: tuple[str, ...]
    suites: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    signed_by: str = ""
    trusted: str = ""

    @property
    def is_debian(self) -> bool:
        """It has a whole release of Debian: not its updates, not another project's packages."""
        roots = [urlsplit(uri).path.split("/") for uri in self.uris]
        is_whole = any(not set("-/") & set(suite) for suite in self.suites)
        return is_whole and "main" in self.components and any("debian" in root for root in roots)


def read_sources(etc: Path = ETC_APT) -> Iterator[AptSource]:
    """The sources of packages in a folder like /etc/apt, in apt's order.

    Raises:
        OSError: a file can't be read.
    """
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    for file in files:
        parse = {".list": parse_one_line_style, ".sources": parse_deb822_style}.get(file.suffix)
        if parse is not None and file.is_file():
            yield from parse(file.read_text(encoding="utf-8"))


def parse_one_line_style(text: str) -> Iterator[AptSource]:
    """The sources of a `.list` file.

    >>> list(parse_one_line_style("deb [signed-by=/k.gpg] file:/debian trixie main  # mine"))
    [AptSource(uris=('file:/debian',), suites=('trixie',), components=('main',), \
signed_by='/k.gpg', trusted='')]
    """
    for line in text.splitlines():
        found = _ONE_LINE.match(line.partition("#")[0].strip())
        if found is None:
            continue
        options = dict(option.split("=", 1) for option in (found["options"] or "").split())
        suite, *components = found["rest"].split()
        yield AptSource(
            (found["uri"],),
            (suite,),
            tuple(components),
            signed_by=options.get("signed-by", ""),
            trusted=options.get("trusted", ""),
        )


def parse_deb822_style(text: str) -> Iterator[AptSource]:
    """The sources of a `.sources` file: paragraphs of fields."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        fields = _fields(paragraph)
        is_off = fields.get("enabled", "").lower() in _OFF
        if is_off or "deb" not in fields.get("types", "").split():
            continue
        yield AptSource(
            uris=tuple(fields.get("uris", "").split()),
            suites=tuple(fields.get("suites", "").split()),
            components=tuple(fields.get("components", "").split()),
            signed_by=fields.get("signed-by", ""),
            trusted=fields.get("trusted", ""),
        )


def _fields(paragraph: str) -> dict[str, str]:
    """The fields of a paragraph; a line that begins with a blank goes on with the one before."""
    fields: dict[str, str] = {}
    name = ""
    for line in paragraph.splitlines():
        if found := _FIELD.match(line):
            name = found["name"].lower()
            fields[name] = found["value"].strip()
        elif name:
            fields[name] += f"\n{line}"
    return fields
