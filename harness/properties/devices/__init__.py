"""Properties that every device must pass, and what devices are tried in."""
