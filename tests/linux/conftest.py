"""Boots take minutes, so only who names their folder, as `tox run -e linux` does, runs them."""

from __future__ import annotations

collect_ignore = ["boots"]
