"""Settings of the tests that draw a schema of any shape, and values of it."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

any_schema = settings(
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ]
)
