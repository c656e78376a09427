"""What can be told of snapshot files on their own, without a machine."""
