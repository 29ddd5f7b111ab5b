"""Every fault that a gateway meets, against real processes: one case a test, named after its fault."""
