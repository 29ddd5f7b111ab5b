"""Answers given before: what must match exactly, the exact cache, and the guarded semantic cache."""
