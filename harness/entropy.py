"""Seeded randomness: what the library draws from, so that a run can be repeated."""

from __future__ import annotations

import hashlib
import secrets

SEED_SIZE_BYTES = 16


def draw_seed() -> bytes:
    """A seed from the operating system."""
    return secrets.token_bytes(SEED_SIZE_BYTES)


class SeededEntropy:
    """An endless stream of bytes that a seed determines (SHAKE-256 of it).

    >>> SeededEntropy(b"seed")(4) == SeededEntropy(b"seed")(4)
    True
    """

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._drawn = 0

    def __call__(self, size: int) -> bytes:
        """The next `size` bytes of the stream."""
        start, self._drawn = self._drawn, self._drawn + size
        return hashlib.shake_256(self._seed).digest(self._drawn)[start:]
