"""The keys that a user at a guest's console has, as they are told."""

from __future__ import annotations

import click

KEYS = {
    "Ctrl-A x": "leave: the run ends",
    "Ctrl-A Ctrl-A": "send Ctrl-A to the guest",
    "Ctrl-A h": "this help",
}
"""All other keys go to the guest, Ctrl-C as well."""


def print_keys() -> None:
    """On stderr, on lines of their own."""
    click.echo(err=True)
    for key, meaning in KEYS.items():
        click.echo(f"  {key:<15}{meaning}", err=True)
