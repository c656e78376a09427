"""A report on a machine that stopped where it should not."""

from harness.report.postmortem.as_json import postmortem_json
from harness.report.postmortem.text import postmortem_lines

__all__ = ["postmortem_json", "postmortem_lines"]
