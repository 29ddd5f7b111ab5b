"""The control centre: the gateway, live in the terminal."""
