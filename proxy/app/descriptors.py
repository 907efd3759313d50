"""How many files a process may have open: each client and each connection to Telnyx is one.

Systems start processes with a soft limit of 1,024, for programs of the last century, and let them raise it to the hard
one themselves.
"""

from types import ModuleType

UNKNOWN = 1024
"""Taken for the limit where there is none to be read."""
SHARE = 4
"""One part of so many may be connections to Telnyx that idle."""
MOST_IDLE = 1024
"""Idle connections to Telnyx at most, however many files there may be."""

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows
    resource = None


def raise_limit() -> int:
    """Raise the soft limit to the hard one. Returns what it is now."""
    if resource is None:
        return UNKNOWN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard in {resource.RLIM_INFINITY, soft}:
        return int(soft) if soft > 0 else UNKNOWN
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # a system with a bound of its own
        return int(soft)
    return int(hard)


def most_idle(limit: int) -> int:
    """Idle connections to Telnyx that may be kept under this limit."""
    return min(MOST_IDLE, limit // SHARE)
