"""How near a live teacher's pool comes to the ideal time: many requests against a server with a fixed latency.

    python benchmarks/teacher.py [--requests 1000] [--concurrency 32] [--latency 0.2]

The server runs in a process of its own, answers after the latency, and does nothing else. Ideal is
requests · latency / concurrency; the first request goes alone, and every answer is on disk before it counts. What it
takes to import the client's library, once a process, is told apart.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

from aiohttp import web

from thriftune.prompts import Prompt
from thriftune.recipe import Teacher
from thriftune.records import Question
from thriftune.teach import requests
from thriftune.teach.ledger import Ledger
from thriftune.teach.live import LiveTeacher

REPLY = {
    "choices": [{"message": {"content": "<rationale>All films.</rationale><answer>{}</answer>"}}],
    "usage": {"prompt_tokens": 600, "completion_tokens": 20},
}


def serve(latency: float, told: "multiprocessing.Queue[str]") -> None:
    """Answer every request after the latency, from one event loop: threads would add their own waits to it."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(latency)
        return web.json_response(REPLY)

    async def work() -> None:
        application = web.Application()
        application.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.put(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        await asyncio.sleep(3600)

    asyncio.run(work())


def ask_all(url: str, count: int, concurrency: int, folder: Path) -> float:
    """Return the seconds until the last answer."""
    settings = Teacher.model_validate(
        {"kind": "openai", "model": "m", "base_url": url, "questions": ["-"], "concurrency": concurrency}
    )
    questions = [Question(id=str(n), collection="c", text=f"films {n} #good", meaning="m") for n in range(count)]
    ledger = Ledger(folder / "ledger.sqlite", settings.price, None, None)
    prompt = "Write the search body that answers the question. " * 40
    teacher = LiveTeacher(
        settings, "none", questions, lambda asked: requests.question(settings, Prompt(prompt, asked.text), []), ledger
    )
    started = time.monotonic()
    answered = sum(isinstance(response, str) for _, response in teacher.answers())
    assert answered == count, f"{answered} of {count} were answered"
    return time.monotonic() - started


def import_client() -> None:
    """Load what the first use of the client loads: its modules come one by one, as they are touched."""
    import openai

    _ = openai.AsyncOpenAI(api_key="none", base_url="http://127.0.0.1:1/v1").chat.completions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.2)
    chosen = parser.parse_args()
    load = os.getloadavg()[0]
    told: multiprocessing.Queue[str] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(chosen.latency, told), daemon=True)
    server.start()
    try:
        started = time.monotonic()
        import_client()
        imported = time.monotonic() - started
        with tempfile.TemporaryDirectory() as folder:
            seconds = ask_all(told.get(), chosen.requests, chosen.concurrency, Path(folder))
    finally:
        server.terminate()
    ideal = chosen.requests * chosen.latency / chosen.concurrency
    found = {"seconds": seconds, "ideal_seconds": ideal, "ratio": seconds / ideal, "import_seconds": imported}
    found |= {"client_cpu_seconds": time.process_time(), "load_before": load}  # where the processor is the bound
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    main()
