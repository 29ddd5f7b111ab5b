"""The child process that turns texts into vectors, and how the gateway talks to it."""
