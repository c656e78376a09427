"""Bytes to values and back, for any schema. Knows no snapshot format and no machine."""
