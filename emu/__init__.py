"""The emulated machine and its snapshots.

Importing this package loads nothing heavy: reading a state file never loads Unicorn.
"""
