"""Numbers as a person reads them."""


def plural(n: int, word: str) -> str:
    """``1 clip``, ``5 clips``."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def usd(value: float | None) -> str:
    """Dollars; four decimals below one. None: unknown."""
    if value is None:
        return "unknown"
    return f"${value:,.2f}" if value >= 1 or not value else f"${value:.4f}"


def duration(seconds: float | None) -> str:
    """A time in its largest unit of which there are two."""
    if seconds is None:
        return "unknown"
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(n_bytes: int) -> str:
    """Bytes in the largest unit of which there is one."""
    value = float(n_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:,.1f} GB"


def span(least: str, most: str) -> str:
    """``12 to 36``; one of them where they read alike."""
    return most if least == most else f"{least} to {most}"
