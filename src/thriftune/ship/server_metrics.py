"""Figures of a running server in Prometheus' text form."""

from collections import Counter

from thriftune.ship.queue import Queue

_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Counts responses and how long they took. Used by one thread."""

    def __init__(self) -> None:
        self._responses: Counter[tuple[str, int]] = Counter()
        self._within: Counter[float] = Counter()
        self._seconds, self._count = 0.0, 0

    def note(self, path: str, status: int, seconds: float) -> None:
        """Count a response; of those to questions also the time."""
        self._responses[path, status] += 1
        if path == "/v1/chat/completions" and status == 200:
            self._seconds, self._count = self._seconds + seconds, self._count + 1
            self._within.update(bound for bound in _BOUNDS if seconds <= bound)

    def text(self, queue: Queue) -> str:
        """Return all figures."""
        lines = ["# TYPE thriftune_responses_total counter"]
        for (path, status), count in sorted(self._responses.items()):
            lines.append(f'thriftune_responses_total{{path="{path}",status="{status}"}} {count}')
        lines.append("# TYPE thriftune_answer_seconds histogram")
        for bound in _BOUNDS:
            lines.append(f'thriftune_answer_seconds_bucket{{le="{bound:g}"}} {self._within[bound]}')
        lines.append(f'thriftune_answer_seconds_bucket{{le="+Inf"}} {self._count}')
        lines += [f"thriftune_answer_seconds_sum {self._seconds:.6f}", f"thriftune_answer_seconds_count {self._count}"]
        counters = {"batches": queue.batches, "answers": queue.answered, "tokens": queue.tokens}
        for name, value in counters.items():
            lines += [f"# TYPE thriftune_{name}_total counter", f"thriftune_{name}_total {value}"]
        lines += ["# TYPE thriftune_waiting gauge", f"thriftune_waiting {queue.waiting}"]
        return "\n".join(lines) + "\n"
