"""Repeated figures: median and spread. No figure is made of none."""

import math
import statistics


def finite(values):
    """The values that are numbers; None, NaN and infinities are no measurement."""
    return [float(value) for value in values
            if isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value)]


def median(values):
    numbers = finite(values)
    return statistics.median(numbers) if numbers else None


def spread(values):
    """{"median", "min", "max", "repeats", "values"}, or None without a measurement."""
    numbers = finite(values)
    if not numbers:
        return None
    return {"median": statistics.median(numbers), "min": min(numbers), "max": max(numbers),
            "repeats": len(numbers), "values": numbers}


def ratio(value, other):
    """value / other, or None where one is missing or nothing."""
    numbers = finite([value, other])
    if len(numbers) < 2 or numbers[1] == 0:
        return None
    return numbers[0] / numbers[1]


def interleave(repeats, *kinds):
    """A B A B …: drift of the machine meets every kind alike."""
    return [kind for _ in range(repeats) for kind in kinds]
