"""Room for connections: each takes a file descriptor, and so does a reply on its way to the disk."""

import contextlib
import resource

from schemas.options import SetupError

WANTED = (65_536, 10_240)  # the second: more than that is refused by some systems
SPARE = 256  # files of the program, and replies that are being written


def make_room(who: str, connections: int) -> None:
    """Let this process open as many files as it may, which is far more than what shells begin with.

    A reply that arrives when none is left could not be kept, though it is paid. Raises
    :class:`SetupError` where so many connections cannot be had.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in WANTED:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
                soft = most
    # idle connections are kept as well, at most as many as were in flight
    if soft != resource.RLIM_INFINITY and soft < 2 * connections + SPARE:
        raise SetupError(
            f"{who}: {connections} requests in flight need {2 * connections + SPARE} open files, and "
            f"this system allows {soft}; lower concurrency, or raise the limit (ulimit -n)"
        )
