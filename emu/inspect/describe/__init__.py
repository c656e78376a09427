"""State files described: `describe` finds all that can be told, `views` is what it tells it in."""

from emu.inspect.describe.state_file import describe, describe_file
from emu.inspect.describe.views.file import Description

__all__ = ["Description", "describe", "describe_file"]
