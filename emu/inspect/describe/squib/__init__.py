"""squib states for people."""
