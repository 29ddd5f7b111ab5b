"""URLs without what lets somebody in: they are shown, logged and told to callers."""

from __future__ import annotations

import re

HIDDEN = "[hidden]"
SECRET_NAME = re.compile(r"auth|cookie|key|token|secret|passw|credential|signature|session-id", re.IGNORECASE)
"""What a header or a parameter of a URL is called whose value is a secret."""
_IN_URL = re.compile(r"(?<=://)[^\s/@:]*(?::[^\s/@]*)?@")
_IN_QUERY = re.compile(r"(?i)([?&][\w.-]*(?:key|token|secret|password|sig|signature|auth)[\w.-]*=)[^&\s#]+")


def without_credentials(text: str) -> str:
    """``text`` whose URLs have no user, no password and no key in their query."""
    if "://" not in text:
        return text
    return _IN_QUERY.sub(rf"\1{HIDDEN}", _IN_URL.sub("", text))
