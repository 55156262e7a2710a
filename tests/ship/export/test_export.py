"""Every form is the trained model, and what is not is refused: the wrong prompt, the base alone, another tokenizer."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

from thriftune.cli import app, main
from thriftune.errors import ExportError
from thriftune.road import ship
from thriftune.ship import forms, gguf, ollama, prompt
from thriftune.ship.proof import Proof
from thriftune.ship.stage import export
from thriftune.testing import tiny

from .conftest import source_of  # isort: skip

pytestmark = pytest.mark.slow  # minutes on two cores

FORMS = [
    ("lora", "adapter"),
    ("lora", "merged"),
    ("qlora", "merged"),
    ("full", "merged"),
    ("t5", "adapter"),
    ("t5", "merged"),
]


def proof(source, quiet) -> Proof:
    return Proof(source.run, source.recipe, source.task, source.trained, quiet)


def run_card(folder: Path, *, thriftune: bool) -> str:
    """Run the Python of a card in a fresh process, where Thriftune may be out of reach."""
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.S)[1]
    hidden = "" if thriftune else "import sys; sys.modules['thriftune'] = None\n"
    done = subprocess.run([sys.executable, "-c", hidden + code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_an_export_answers_as_the_trained_model_and_loads_as_its_card_says(trained, exported, quiet, name, form):
    source, folder = source_of(trained(name)), exported(name, form)
    assert folder == source.run.path("export", form)
    result = json.loads((folder / "parity.json").read_text())["forms"][form]
    assert result["passed"] and not result["allowed"] and result["prompts"]["value"] == 1
    assert result["labels"]["value"] == 1 and result["execution_match"]["difference"]["value"] == 0
    answers = proof(source, quiet).trained.answers
    assert len({answer.text for answer in answers}) > 1, "a student that always says the same proves little"
    assert run_card(folder, thriftune=False) == answers[0].text
    everything = json.loads(source.run.path("parity.json").read_text())
    assert everything["forms"][form] == result and everything["trained"] == source.trained


def test_the_trained_student_does_not_answer_as_its_base(trained):
    """Else the tests of broken exports would prove nothing."""
    for name in ("lora", "t5"):
        run = trained(name) / "run"
        texts = [[json.loads(line)["text"] for line in (run / file).read_text().splitlines()] for file in FILES]
        assert sum(a == b for a, b in zip(*texts, strict=True)) == 0


FILES = ("predictions.jsonl", "predictions-base.jsonl")


def wrong_prompt(folder: Path, base: Path) -> None:
    content = json.loads((folder / prompt.FILE).read_text())
    content["texts"]["between"] = content["texts"]["between"] + "Question? "
    (folder / prompt.FILE).write_text(json.dumps(content))


def base_alone(folder: Path, base: Path) -> None:
    shutil.copyfile(base / "model.safetensors", folder / "model.safetensors")


def other_tokenizer(folder: Path, base: Path) -> None:
    other = tiny.tokenizer(chat=(base / "chat_template.jinja").exists())
    content = json.loads(other.backend_tokenizer.to_str())
    pieces = sorted((p for p in content["model"]["vocab"] if len(p) == 1), key=content["model"]["vocab"].get)
    for a, b in zip(pieces[60:90:2], pieces[61:90:2], strict=True):  # the same words, other numbers
        vocab = content["model"]["vocab"]
        vocab[a], vocab[b] = vocab[b], vocab[a]
    (folder / "tokenizer.json").write_text(json.dumps(content))


@pytest.mark.parametrize("name", ["lora", "t5"])
@pytest.mark.parametrize(
    ("broken", "said"),
    [(wrong_prompt, "token ids"), (base_alone, "of the answers are the same"), (other_tokenizer, "token ids")],
)
def test_a_broken_export_is_caught(trained, exported, quiet, tmp_path, name, broken, said):
    source = source_of(trained(name))
    folder = shutil.copytree(exported(name, "merged"), tmp_path / "merged")
    broken(folder, trained(name) / "student")
    result = proof(source, quiet).of("merged", "merged", folder)
    assert not result["passed"] and said in "; ".join(result["faults"])
    assert result["labels"]["value"] < 0.5, "and it shows in the answers, not in the prompt alone"


def broken_merge(model: Path, recipe, folder: Path) -> None:
    """What an export without its adapter is: the base, with the trained tokenizer."""
    shutil.copytree(recipe.student.model, folder, dirs_exist_ok=True)


def test_a_refused_export_ends_with_code_2_and_is_kept_aside(trained, monkeypatch, capsys):
    run = trained("lora") / "run"
    monkeypatch.setattr(forms, "save_merged", broken_merge)
    monkeypatch.setattr(sys, "argv", ["thriftune", "export", str(run), "--to", "merged", "--out", str(run / "bad")])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "not the trained model" in said and "0.0 % of the answers are the same" in said and "Traceback" not in said
    assert not (run / "bad").exists() and not (run / ".bad.partial").exists()
    assert "Not shown to be the trained model" in (run / "bad-refused" / "README.md").read_text()
    assert "refused: 0.0 % of the answers" in (run / "report.html").read_text()


def test_allow_keeps_it_and_marks_it(trained, monkeypatch):
    run = trained("lora") / "run"
    monkeypatch.setattr(forms, "save_merged", broken_merge)
    folder = ship(run, "merged", run / "allowed", allow=True)
    result = json.loads((folder / "parity.json").read_text())["forms"]["merged"]
    assert result["allowed"] and not result["passed"] and result["faults"]
    assert "Not shown to be the trained model" in (folder / "README.md").read_text()
    assert "kept by --allow" in (run / "report.md").read_text()
    monkeypatch.undo()
    ship(run, "merged", run / "allowed")
    assert "within the margin" in (run / "report.md").read_text(), (
        "an export is replaced, and the report shows the last"
    )


def test_the_card_tells_data_teacher_scores_and_licence(trained, exported):
    page = (exported("full", "merged") / "README.md").read_text()
    scores = json.loads((trained("full") / "run" / "scores.json").read_text())["tuned"]["execution_match"]
    assert f"{scores['value'] * 100:.1f} % [{scores['low'] * 100:.1f}, {scores['high'] * 100:.1f}]" in page
    assert "The base: cc0-1.0" in page and "Teacher: recorded" in page and "| merged | 100.0 % [" in page
    assert "the vocabulary here is whole" in page, "training's softmax covered the domain alone"
    lines = re.search(r"```python\n(.*?)```", page, re.S)[1].splitlines()
    assert len([line for line in lines if line and "import" not in line]) <= 12


def test_a_merged_export_is_one_ordinary_model(exported):
    for name in ("qlora", "full"):
        folder = exported(name, "merged")
        assert "quantization_config" not in json.loads((folder / "config.json").read_text())
        with safe_open(folder / "model.safetensors", "pt") as file:
            assert not [key for key in file.keys() if "lora" in key]  # noqa: SIM118
            rows = file.get_slice("model.embed_tokens.weight").get_shape()[0]
        assert rows == 400, "every token of the tokenizer has its row, whatever training's softmax covered"


def test_an_adapter_names_its_base_as_the_recipe_does(trained, exported):
    folder = exported("lora", "adapter")
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(trained("lora") / "student")
    assert (folder / "tokenizer.json").exists() and (folder / "adapter_model.safetensors").exists()


def test_what_cannot_be_exported_is_one_clear_message(trained, quiet, tmp_path, monkeypatch):
    monkeypatch.delenv("LLAMA_CPP_DIR", raising=False)
    with pytest.raises(ExportError, match=r"there is no adapter\. Use --to merged"):
        export(source_of(trained("full")), "adapter", tmp_path / "a", quiet)
    with pytest.raises(ExportError, match="Use --to merged"):
        export(source_of(trained("t5")), "gguf", tmp_path / "b", quiet)
    with pytest.raises(ExportError, match=r"LLAMA_CPP_DIR is not set.*pip download"):
        export(source_of(trained("lora")), "gguf", tmp_path / "c", quiet)
    monkeypatch.setenv("LLAMA_CPP_DIR", str(tmp_path))
    with pytest.raises(ExportError, match=r"where no convert_hf_to_gguf.py lies"):
        export(source_of(trained("lora")), "ollama", tmp_path / "d", quiet)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(ExportError, match="is no export; choose another --out"):
        export(source_of(trained("lora")), "merged", tmp_path / "mine", quiet)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"], "nothing half made is left"


CONVERTER = "import sys; out = sys.argv[sys.argv.index('--outfile') + 1]; open(out, 'w').write('GGUF')"


def test_without_a_runtime_gguf_is_refused_early_or_kept_and_marked(trained, quiet, tmp_path, monkeypatch):
    (tmp_path / gguf.SCRIPT).write_text(CONVERTER)
    monkeypatch.setenv("LLAMA_CPP_DIR", str(tmp_path))
    monkeypatch.setattr(gguf, "has_runtime", lambda: False)
    source = source_of(trained("lora"))
    with pytest.raises(Exception, match=r"pip install 'thriftune\[gguf\]'"):
        export(source, "ollama", tmp_path / "o", quiet)
    folder = export(source, "ollama", tmp_path / "o", quiet, allow=True)
    result = json.loads((folder / "parity.json").read_text())["forms"]["ollama"]
    assert result["faults"] == ["not measured: llama-cpp-python is not installed (pip install 'thriftune[gguf]')"]
    assert not result["passed"] and not list(folder.glob(".merged"))
    assert {path.name for path in folder.iterdir()} >= {"Modelfile", "tiny-q8_0.gguf", "tokenizer.json", "prompt.json"}


def test_a_modelfile_renders_the_prompt_of_the_evaluation(trained, quiet, tmp_path, monkeypatch):
    (tmp_path / gguf.SCRIPT).write_text(CONVERTER)
    monkeypatch.setenv("LLAMA_CPP_DIR", str(tmp_path))
    monkeypatch.setattr(gguf, "has_runtime", lambda: False)
    source = source_of(trained("lora"))
    folder = export(source, "ollama", tmp_path / "o", quiet, allow=True)
    asked, file = proof(source, quiet).asked[0], prompt.read(folder)
    given = file.prompt(asked.collection, proof(source, quiet).prompts[0][1])
    text = ollama.rendered(folder / "Modelfile", "not used", asked.question)
    assert text == "".join(file.parts(given, "label")) and text.endswith("predict:\n")
    assert ollama.stop_of(folder / "Modelfile") == "</s>"
    for line in (
        "FROM ./tiny-q8_0.gguf",
        "PARAMETER temperature 0",
        "PARAMETER num_ctx 1024",
        "PARAMETER num_predict 16",
    ):
        assert line in (folder / "Modelfile").read_text().splitlines()


def test_what_a_modelfile_cannot_hold_is_refused(exported):
    file = prompt.read(exported("lora", "merged"))
    with pytest.raises(ExportError, match="Use --to gguf"):
        ollama.modelfile("x.gguf", file, 'say """', 10)


def test_a_converter_that_refuses_is_quoted(trained, quiet, tmp_path, monkeypatch):
    (tmp_path / gguf.SCRIPT).write_text("raise SystemExit('BPE pre-tokenizer was not recognized')")
    monkeypatch.setenv("LLAMA_CPP_DIR", str(tmp_path))
    with pytest.raises(ExportError, match=r"pre-tokenizer was not recognized.*use --to merged"):
        export(source_of(trained("lora")), "gguf", tmp_path / "g", quiet, allow=True)


def test_a_run_without_a_trained_model_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="thriftune teach RECIPE"):
        app(["export", "nothing", "--to", "merged"], standalone_mode=False)
    assert not (tmp_path / "nothing").exists()
