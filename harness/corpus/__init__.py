"""Files for fuzzing a loader: valid, at the limits, and damaged, each with the verdict it deserves.

>>> from harness.corpus.generator import generate
>>> for entry in generate("firecracker-1.16", count=3, seed=1):
...     print(entry.name, entry.report.accepted, entry.crc)
0000-valid True right
0001-boundary False right
0002-leaf True right
"""
