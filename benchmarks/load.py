"""Load a running server with questions of the demo, as a file for Locust (its own environment: `pip install locust`).

    thriftune serve runs/films-demo --port 8000 --waiting 64 &
    locust -f benchmarks/load.py --headless -u 32 -r 32 -t 60s --host http://127.0.0.1:8000

Answers 200 and 429 are as they should be; any other is an error. Writes benchmarks/results/serve.json.
"""

import json
import os
import platform
import random
import threading
import time
from collections import Counter
from pathlib import Path

from locust import HttpUser, constant, events, task

HERE = Path(__file__).parent
LESSONS = HERE.parent / "src" / "thriftune" / "demo" / "lessons" / "films.jsonl"
QUESTIONS = [text for line in LESSONS.read_text().splitlines() for text in json.loads(line)["questions"]]
MODEL = os.environ.get("MODEL", "films-demo")
seen: list[tuple[int, float]] = []
lock = threading.Lock()


class Asker(HttpUser):
    """Asks one question after another; told to wait, waits."""

    wait_time = constant(0)

    @task
    def ask(self) -> None:
        body = {"model": MODEL, "messages": [{"role": "user", "content": random.choice(QUESTIONS)}]}
        started = time.monotonic()
        with self.client.post("/v1/chat/completions", json=body, catch_response=True) as response:
            with lock:
                seen.append((response.status_code, time.monotonic() - started))
            if response.status_code == 429:
                response.success()
                time.sleep(float(response.headers["Retry-After"]))


@events.quitting.add_listener
def _record(environment, **_) -> None:
    statuses = Counter(str(status) for status, _ in seen)
    seconds = sorted(took for status, took in seen if status == 200)
    stats = environment.stats.total
    found = {
        "clients": environment.parsed_options.num_users,
        "seconds": round(stats.last_request_timestamp - stats.start_time, 1),
        "responses": dict(statuses),
        "answers_per_second": round(len(seconds) / max(1e-9, stats.last_request_timestamp - stats.start_time), 2),
        "seconds_of_an_answer": {f"p{p}": round(seconds[len(seconds) * p // 100], 2) for p in (50, 95, 99) if seconds},
        "load_average": os.getloadavg()[0],
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
    }
    (HERE / "results" / "serve.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
