"""A kill at any moment loses at most the record in flight; a stage is done once per content; failures are recorded."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from thriftune.errors import InputError, RunError, StudentError
from thriftune.files import (
    append_record,
    content_id,
    file_id,
    read_lines,
    read_records,
    write_json,
    write_records,
    write_text,
)
from thriftune.records import Question
from thriftune.runs import Run

QUESTIONS = [Question(id=f"q{n}", collection="c", text=f"wörd – {n} 😀 日本", meaning="m") for n in range(3)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "questions.jsonl"
    write_records(path, QUESTIONS)
    return path


# files


def test_content_ids_depend_on_content_alone(tmp_path):
    assert content_id({"a": 1, "b": [2, "ü"]}) == content_id({"b": [2, "ü"], "a": 1})
    assert content_id("ab", "c") != content_id("a", "bc")
    for name in ("one", "two"):
        (tmp_path / name).write_text("same")
    assert file_id(tmp_path / "one") == file_id(tmp_path / "two")


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "scores.json"
    write_json(path, {"old": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match=r"cannot write .*scores\.json: No space left on device\. Free space or choose"):
        write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert names(tmp_path) == ["scores.json"]


def test_a_file_where_the_folder_should_be_is_one_message(tmp_path):
    (tmp_path / "file").write_text("precious")
    for path in (tmp_path / "file" / "x.json", tmp_path / "file" / "deep" / "x.json"):
        with pytest.raises(RunError, match="cannot write"):
            write_text(path, "text")
        with pytest.raises(RunError, match="cannot write"):
            append_record(path, {"a": 1})
    assert (tmp_path / "file").read_text() == "precious"


def test_nan_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert not (tmp_path / "x.json").exists()


def test_a_file_cut_anywhere_reads_as_its_whole_lines_and_can_be_appended_to(lines):
    whole = lines.read_bytes()
    for size in range(len(whole) + 1):
        lines.write_bytes(whole[:size])
        kept = read_records(lines, Question)
        # a line whose newline alone is missing is whole
        assert kept == QUESTIONS[: (whole[:size] + b"\n").count(b"}\n")]
        for question in QUESTIONS[len(kept) :]:
            append_record(lines, question)
        assert lines.read_bytes().rstrip(b"\n") == whole.rstrip(b"\n")
        assert read_records(lines, Question) == QUESTIONS


def test_half_of_a_surrogate_pair_can_be_recorded(tmp_path):
    path = tmp_path / "x.jsonl"
    append_record(path, {"text": "half \ud83d"})
    assert list(read_lines(path)) == [(1, {"text": "half \ud83d"})]


def test_a_broken_line_is_named(lines):
    for text, message in [
        ('{"a": 1}\n\nnot json\n{}\n', ":3: not JSON (Expecting value at column 1)"),
        ("[" * 100_000 + "\n", ":1: not JSON (nested too deeply)"),
    ]:
        lines.write_text(text)
        with pytest.raises(InputError) as caught:
            list(read_lines(lines))
        assert str(caught.value) == f"{lines}{message}"
    lines.write_bytes(b'{}\n{"a": "caf\xe9"}\n')
    with pytest.raises(InputError, match=r":2: not JSON \(not UTF-8\)"):
        list(read_lines(lines))


def test_a_file_of_others_is_read_to_its_last_character(lines):
    lines.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}')  # a BOM, Windows' line ends, no newline at the end
    assert [value for _, value in read_lines(lines, whole=True)] == [{"a": 1}, {"a": 2}]
    lines.write_text('{"a": 1}\n{"a": ')
    assert [value for _, value in read_lines(lines)] == [{"a": 1}]
    with pytest.raises(InputError, match=":2: not JSON"):
        list(read_lines(lines, whole=True))


@pytest.mark.parametrize(
    ("line", "where"),
    [("3", "the line"), ('{"id": 3, "collection": "c", "text": "", "meaning": ""}', "id"), ('{"x": 1}', "id")],
)
def test_a_line_that_is_no_record_is_named_with_its_field(lines, line, where):
    lines.write_text(line + "\n")
    with pytest.raises(InputError) as caught:
        read_records(lines, Question)
    assert str(caught.value).startswith(f"{lines}:1: {where}: ")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*absent\.jsonl: No such file"):
        list(read_lines(tmp_path / "absent.jsonl"))


# the run folder


def work(run: Run, name: str = "out.txt", text: str = "made"):
    def make():
        write_text(run.path(name), text)
        return {"count": 1}

    return make


def fail(error: BaseException):
    def make():
        raise error

    return make


def status(run: Run, stage: str = "train") -> str:
    return Run(run.folder).manifest["stages"][stage]["status"]


def test_a_stage_is_done_once_per_content(tmp_path):
    run = Run(tmp_path / "run")
    assert run.stage("train", "id1", ["out.txt"], work(run))
    assert status(run) == "done" and Run(run.folder).figures("train") == {"count": 1}
    assert not Run(run.folder).stage("train", "id1", ["out.txt"], fail(AssertionError("done again")))
    assert run.stage("train", "id2", ["out.txt"], work(run, text="other"))
    assert run.path("out.txt").read_text() == "other"


def test_a_stage_whose_output_was_deleted_is_done_again(tmp_path):
    run = Run(tmp_path)
    run.stage("train", "id1", ["out.txt"], work(run))
    run.path("out.txt").unlink()
    assert run.stage("train", "id1", ["out.txt"], work(run)) and run.path("out.txt").exists()


def test_the_manifest_says_running_while_the_work_runs(tmp_path):
    run = Run(tmp_path)
    run.stage("train", "id", ["out.txt"], lambda: work(run)() | {"seen": status(run)})
    assert run.figures("train")["seen"] == "running"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StudentError("no weights\nsecond line"), "failed: StudentError: no weights"),
        (ValueError(), "failed: ValueError: "),
        (MemoryError(), "out_of_memory"),
        (KeyboardInterrupt(), "stopped: interrupted"),
    ],
)
def test_how_a_stage_ended_is_recorded(tmp_path, error, expected):
    run = Run(tmp_path)
    with pytest.raises(type(error)):
        run.stage("train", "id", ["out.txt"], fail(error))
    assert status(run) == expected and run.figures("train") == {}
    assert run.stage("train", "id", ["out.txt"], work(run)) and status(run) == "done"


def test_what_a_stopped_stage_wrote_stays_for_the_next_start(tmp_path):
    run = Run(tmp_path)

    def half():
        write_text(run.path("out.txt"), "half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.stage("train", "id", ["out.txt"], half)
    run.stage("train", "id", ["out.txt"], lambda: {"found": run.path("out.txt").read_text()})
    assert run.figures("train") == {"found": "half"}


@pytest.mark.parametrize("error", [StudentError("no such model"), KeyboardInterrupt()])
def test_a_failure_before_the_first_output_brings_back_what_other_content_had_made(tmp_path, error):
    """A misspelt `student.model` must not cost the model that was trained for hours."""
    run = Run(tmp_path)
    outputs = ["model", "metrics.jsonl"]
    run.stage("train", "old", outputs, work(run, "model/weights", "hours"))
    with pytest.raises(type(error)):
        run.stage("train", "new", outputs, fail(error))
    again = Run(tmp_path)
    assert again.is_done("train", "old") and again.path("model", "weights").read_text() == "hours"
    assert again.manifest["stages"]["train"]["last_attempt"].startswith(("failed", "stopped"))
    assert not again.stage("train", "old", outputs, fail(AssertionError("done again")))
    assert names(tmp_path) == ["manifest.json", "model"]


def half_way(run: Run):
    def make():
        write_text(run.path("model", "weights"), "half")
        raise KeyboardInterrupt

    return make


def test_a_finished_model_survives_a_training_of_other_content_stopped_half_way(tmp_path):
    run, outputs = Run(tmp_path), ["model", "metrics.jsonl"]
    run.stage("train", "old", outputs, work(run, "model/weights", "hours"))
    for content in ("new", "new", "newer"):  # stopped, stopped again, and another one stopped
        with pytest.raises(KeyboardInterrupt):
            Run(tmp_path).stage("train", content, outputs, half_way(run))
        assert Run(tmp_path).path("model", "weights").read_text() == "half", "the new one goes on from here"
    again = Run(tmp_path)
    assert not again.stage("train", "old", outputs, fail(AssertionError("done again"))), "going back costs nothing"
    assert again.path("model", "weights").read_text() == "hours" and status(again) == "done"
    assert names(tmp_path) == ["manifest.json", "model"]


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_kill_while_setting_aside_costs_nothing(tmp_path, monkeypatch, moved):
    run, outputs = Run(tmp_path), ["model", "metrics.jsonl"]

    def make():
        write_text(run.path("model", "weights"), "hours")
        write_text(run.path("metrics.jsonl"), "losses")
        return {}

    run.stage("train", "old", outputs, make)
    replace, count = os.replace, iter(range(9))

    def killed(source, target):
        if Path(source).name in outputs and next(count) == moved:
            raise SystemExit
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with contextlib.suppress(SystemExit, KeyboardInterrupt):
        Run(tmp_path).stage("train", "new", outputs, fail(KeyboardInterrupt()))
    monkeypatch.setattr(os, "replace", replace)
    again = Run(tmp_path)
    assert not again.stage("train", "old", outputs, fail(AssertionError("done again")))
    assert again.path("model", "weights").read_text() == "hours" and again.path("metrics.jsonl").read_text() == "losses"


def test_what_was_set_aside_goes_when_the_new_content_is_done(tmp_path):
    run, outputs = Run(tmp_path), ["model", "metrics.jsonl"]
    run.stage("train", "old", outputs, work(run, "model/weights", "hours"))
    with pytest.raises(KeyboardInterrupt):
        run.stage("train", "new", outputs, half_way(run))
    assert (tmp_path / ".former-train").exists()
    run.stage("train", "new", outputs, work(run, "model/weights", "better"))
    assert names(tmp_path) == ["manifest.json", "model"] and not (tmp_path / ".former-train").exists()


def test_other_content_starts_from_nothing(tmp_path):
    run = Run(tmp_path)
    run.stage("train", "old", ["model", "metrics.jsonl"], work(run, "metrics.jsonl", "old"))

    def make():
        assert not run.path("metrics.jsonl").exists()
        write_text(run.path("model"), "new")
        raise ValueError

    with pytest.raises(ValueError):
        run.stage("train", "new", ["model", "metrics.jsonl"], make)
    assert names(tmp_path) == [".former-train", "manifest.json", "model"] and status(run) == "failed: ValueError: "


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"stages": []}', '{"stages": {"teach": 3}}', "\x00"])
def test_a_damaged_manifest_is_one_message_and_nothing_is_touched(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(RunError, match=r"manifest\.json is damaged: .*Move the folder away and run again"):
        Run(tmp_path)
    assert (tmp_path / "manifest.json").read_text() == text


def test_a_file_is_no_run_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="is a file; choose another run folder with --out"):
        Run(tmp_path / "file")


def test_two_processes_in_one_folder_are_refused(tmp_path):
    message = "another thriftune works in"
    with Run(tmp_path / "run").alone(), pytest.raises(RunError, match=message), Run(tmp_path / "run").alone():
        pass
    with Run(tmp_path / "run").alone():
        pass
