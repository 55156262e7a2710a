"""A real model behind a real server: from a mapping alone questions and lessons come, and the books say how few.

Needs `transformers[serving]` beside thriftune; minutes on two cores.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from thriftune.errors import UserError
from thriftune.runs import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not importlib.util.find_spec("fastapi"), reason="needs transformers[serving]"),
]
SERVE = "import sys; from transformers.cli.transformers import main; sys.argv[0] = 'transformers'; sys.exit(main())"
MAPPING = {
    "properties": {
        "name": {"type": "keyword"},
        "kind": {"type": "keyword"},
        "price": {"type": "integer"},
        "sold": {"type": "date"},
    }
}
STOCK = [
    ("green tea", "drink", 3, "2024-01-05"),
    ("black tea", "drink", 4, "2024-02-11"),
    ("coffee", "drink", 6, "2024-03-02"),
    ("apple cake", "food", 12, "2024-03-09"),
    ("rye bread", "food", 5, "2024-04-21"),
    ("candle", "other", 9, "2024-05-30"),
]


@contextmanager
def served(model: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-c", SERVE, "serve", str(model), "--device", "cpu", "--port", str(port)]
    process = subprocess.Popen([*words, "--host", "127.0.0.1"], env={**os.environ, "HF_HUB_OFFLINE": "1"})
    try:
        for _ in range(240):
            assert process.poll() is None, "the server ended"
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError as error:
                if getattr(error, "code", None):
                    break  # it answers, whatever it says
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(timeout=30)


def shop(folder: Path, url: str, model: Path) -> None:
    (folder / "mapping.json").write_text(json.dumps(MAPPING))
    lines = [dict(zip(("name", "kind", "price", "sold"), row, strict=True)) for row in STOCK]
    (folder / "stock.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    collections = {"shop": {"mapping": "mapping.json", "documents": "stock.jsonl", "now": "2024-06-01T00:00:00Z"}}
    teacher = {
        "kind": "openai",
        "model": str(model),
        "base_url": url,
        "max_tokens": 160,
        "concurrency": 1,
        "timeout_seconds": 300,
        "retries": 1,
        "expand": {"count": 16, "each": 4},
    }
    recipe = {"name": "shop", "task": {"collections": collections}, "teacher": teacher, "dataset": {"test": 0.3}}
    (folder / "recipe.yaml").write_text(json.dumps(recipe))


def test_from_a_mapping_alone(tmp_path):
    from thriftune.students.embedded import folder

    try:
        model = folder()
    except UserError as error:
        pytest.skip(str(error))
    with served(model) as url:
        shop(tmp_path, url, model)
        words = [sys.executable, "-m", "thriftune.cli", "teach", "recipe.yaml", "--out", "run"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    run = Run(tmp_path / "run")
    asked = [json.loads(line) for line in run.path("asked.jsonl").read_text().splitlines()]
    questions = sum(len(line["questions"]) for line in asked)
    files = [run.path(name) for name in ("lessons.jsonl", "rejects.jsonl")]
    landed = [json.loads(line) for file in files if file.exists() for line in file.read_text().splitlines()]
    assert 0 < questions == len(landed), "every question ends in one of the two files"
    assert all(record.get("reason") or record["label"] for record in landed)
    assert done.returncode == 0 or "became a lesson" in done.stderr or "too few to split" in done.stderr
    if kept := os.environ.get("THRIFTUNE_KEEP_RUN"):
        shutil.copytree(tmp_path, kept, dirs_exist_ok=True)
