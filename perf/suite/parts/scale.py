"""One worker and two; what more would bring is a model, and says so."""

from suite.lab import GENERATOR_CPU, RELAY_CPU
from suite.parts.core import run_benchmark
from suite.spread import median, spread

MODEL_WORKERS = (1, 2, 4, 8, 16, 32)


def serial_share(one, two):
    """Amdahl's serial share of the work, from the rates of one worker and two: 0 when two do twice
    as much, 1 when they do no more than one. Kept within 0 and 1, which noise may leave."""
    return min(1.0, max(0.0, 2 * one / two - 1))


def model(one, two):
    """[(workers, mpps)] by Amdahl's law."""
    serial = serial_share(one, two)
    return [(count, one * count / (1 + serial * (count - 1))) for count in MODEL_WORKERS]


def measure(lab, plan, results, say):
    rates = {"1": [], "2": []}
    each = []
    for repeat in range(plan.scale_repeats):
        say(f"scale: run {repeat + 1} of {plan.scale_repeats}")
        rows, _ = run_benchmark(lab, "scale_bench", [f"--benchmark_min_time={plan.scale_seconds}"],
                                120, f"{GENERATOR_CPU},{RELAY_CPU}")
        for row in rows:
            workers = row["name"].split("/")[1]
            rates[workers].append(row["mpps"])
            if workers == "2":
                each.append([row["mpps_0"], row["mpps_1"]])
    one, two = median(rates["1"]), median(rates["2"])
    results.set("scale.one.mpps", one)
    results.set("scale.two.mpps", two)
    results.details["scale"] = {
        "one": spread(rates["1"]), "two": spread(rates["2"]), "two_each": each,
        "model": {"law": "Amdahl", "serial_share": serial_share(one, two),
                  "mpps_by_workers": model(one, two)},
    }
