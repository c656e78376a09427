"""Values of any schema, from the inside: which parts there are, and the paths that lead to them.

Nothing here knows a format; what a format's values are beyond their schema is a `Naming`.
"""

from emu.inspect.values.containers import walk
from emu.inspect.values.lookup import resolve
from emu.inspect.values.parts import Naming, Part, root

__all__ = ["Naming", "Part", "resolve", "root", "walk"]
