"""Firecracker's state files for aarch64, v1.9 to the main branch.

`v1_9` declares the whole schema; each later module only the types that its release changed, and
the `Revision` that puts them in place: `schema_of(v1_9.Snapshot, v1_16.REVISION)` is the schema of
v1.16. A release whose file was too long for one subject has a second one, for example
`v1_9_devices`. `leaves` has the types that no release changed and that have rules of their own.
"""
