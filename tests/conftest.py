"""What holds for every test: hypothesis does not time its examples, which a busy machine makes slow by chance."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
