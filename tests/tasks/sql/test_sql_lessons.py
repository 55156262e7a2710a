"""The recorded lessons: each is kept by the real stage, and is written in the one style that students learn."""

import json
from collections import Counter

import pytest

from thriftune.files import read_records
from thriftune.progress import Progress
from thriftune.recipe import Database as Settings
from thriftune.records import Lesson
from thriftune.runs import Run
from thriftune.tasks.sql.sources import notes_of, read
from thriftune.tasks.sql.task import Source, Sql
from thriftune.tasks.sql.words import canonical
from thriftune.teach.parse import parse
from thriftune.teach.stage import teach
from thriftune.teach.teachers import RecordedTeacher, path_of


@pytest.fixture(scope="module")
def task():
    settings = Settings(demo="nycflights")
    database, source_id = read("nycflights", settings, 30.0)
    made = Sql({"nycflights": Source(database, notes_of(settings), source_id)}, timeout_seconds=30.0)
    yield made
    made.close()


def test_every_lesson_is_kept(task, tmp_path):
    figures = teach(Run(tmp_path), task, RecordedTeacher(["demo:sql"]), Progress("teach"))
    assert figures["rejected"] == {} and figures["meanings"] >= 110 and figures["kept"] == 2 * figures["meanings"]
    families = Counter(f for lesson in read_records(tmp_path / "lessons.jsonl", Lesson) for f in lesson.families)
    for family in ("join", "group_by", "having", "order_by", "subquery", "case", "null", "date", "set_operation"):
        assert families[family] >= 2, family


def test_labels_have_one_style_and_no_meaning_comes_twice(task):
    seen: dict[tuple[str, ...], str] = {}
    for line in path_of("demo:sql").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        label = parse(record["response"]).label
        assert task.tidy(label) == label, record["id"]
        assert len(set(record["questions"])) == 2, record["id"]
        assert canonical(label) not in seen, (record["id"], seen.get(canonical(label)))
        seen[canonical(label)] = record["id"]
