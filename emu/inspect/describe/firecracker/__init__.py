"""Firecracker states for people: one view of what all releases write.

`locate` knows where each release keeps things; the rest asks it.
"""
