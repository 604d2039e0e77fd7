"""Token buckets: how many requests, or tokens, may leave per second.

A bucket is a level that is refilled continuously at ``rate`` per second up to a capacity of
:data:`CAPACITY_S` seconds' worth: servers enforce limits per minute on windows of seconds, so a
minute's allowance must not leave in a burst (OpenAI help centre, article 5955604). A rate of 0
stands for no limit.

An amount above the capacity passes when the bucket is full and leaves a debt behind, which is paid
off before anything else passes: it never waits forever, and the long-run rate still holds. With
amounts within the capacity, no window of t seconds lets more than capacity + rate x t pass.
"""

CAPACITY_S = 3.0
_DUST = 1e-9  # of the capacity: what rounding may leave missing after exactly the announced wait


def refilled(level: float, rate: float, seconds: float) -> float:
    """The level after ``seconds`` more. Without a limit it stays 0, so that one that is set later
    does not begin with the debt of all that passed before."""
    if rate == 0.0:
        return 0.0
    return min(level + rate * max(seconds, 0.0), rate * CAPACITY_S)


def wait_s(level: float, rate: float, amount: float) -> float:
    """Seconds until ``amount`` may pass; 0.0: now."""
    if rate == 0.0:
        return 0.0
    capacity = rate * CAPACITY_S
    missing = min(amount, capacity) - level
    return missing / rate if missing > _DUST * capacity else 0.0
