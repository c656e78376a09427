"""The commands of `thawbench` that come in groups."""
