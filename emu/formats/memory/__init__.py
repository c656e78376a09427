"""Memory files: guest RAM as Firecracker and squib save it, full or as a diff with holes."""
