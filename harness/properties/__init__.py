"""The public properties: each is one function that raises `PropertyViolation` if it is broken.

The capitals in their first lines are the invariants' names in the docs.
"""

from harness.properties.bisimulation import check_bisimilar, check_deterministic
from harness.properties.generation import check_delivered_once, check_fresh, check_order
from harness.properties.interrupts import check_no_invention, check_no_loss
from harness.properties.round_trip import QUIET_RESTORE_PLAN, check_idempotent, check_round_trip
from harness.properties.time import check_time_policy
from harness.properties.violation import PropertyViolation

__all__ = [
    "QUIET_RESTORE_PLAN",
    "PropertyViolation",
    "check_bisimilar",
    "check_delivered_once",
    "check_deterministic",
    "check_fresh",
    "check_idempotent",
    "check_no_invention",
    "check_no_loss",
    "check_order",
    "check_round_trip",
    "check_time_policy",
]
