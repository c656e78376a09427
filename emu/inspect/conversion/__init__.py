"""How a Firecracker state becomes that of another release: one module of rules per release."""
