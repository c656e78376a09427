"""Firecracker's state files and the machine: what of one is where in the other.

What releases have in common is written once, as facts (`emu.wire.facts`): a release's schema takes
from them the fields that it has, and what a release does not save is told when it is read.
"""
