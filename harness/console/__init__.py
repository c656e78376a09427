"""What arrives at a guest's serial console: typed by a user, from a file, or from a recording."""
