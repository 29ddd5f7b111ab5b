"""Upstreams that are not there: servers on loopback that keep the rules of the real ones."""
