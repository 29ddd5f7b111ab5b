"""Upstreams: one Protocol, and what each kind of server needs behind it."""
