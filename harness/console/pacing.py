"""Virtual time beside real time, where a user sits at the guest's console."""

from __future__ import annotations

from harness.attended_run import Clock


class Pacer:
    """Says how long to wait, so that a guest that waits does so as long as it thinks.

    Only the time in which all vCPUs wait is held back. What the guest executes takes as long as it
    takes; a guest that was slow in that does not wait less afterwards.

    Args:
        clock: the host's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen_s = clock()
        self._ahead_s = 0.0

    def ahead_s(self, waited_s: float) -> float:
        """By how much virtual time is ahead of real time.

        Args:
            waited_s: virtual time in which all vCPUs have waited since the last call.
        """
        now_s = self._clock()
        self._ahead_s = max(0.0, self._ahead_s + waited_s - (now_s - self._seen_s))
        self._seen_s = now_s
        return self._ahead_s
