"""What tests machines and snapshots, and the command line. Importing it loads nothing."""
