"""Pure translation between the wire formats: no I/O, nothing of the gateway but its values."""
