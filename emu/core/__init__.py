"""What every part of the machine meets through: ports, events, clocks, RAM, bus, images."""
