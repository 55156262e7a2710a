"""The lines of a model card that load the export: what a reader copies, and what the tests run."""

import json

from thriftune.ship.about import About
from thriftune.ship.ollama import name_of
from thriftune.ship.prompt import PromptFile
from thriftune.ship.worker import Asked
from thriftune.students import embedded

_HERE = "# question and prompt"
_IDS = """\
prompt = json.load(open("prompt.json", encoding="utf-8"))
slots = prompt["texts"] | {"marker": prompt["markers"]["label"], "question": question}
slots["instructions"] = """
_PARTS = """
parts = ["".join(slots[slot] for slot in piece) for piece in prompt["pieces"]]"""


def lines(about: About, prompt: PromptFile, example: Asked) -> str:
    """Return the section's text: Python, or for Ollama the shell's commands."""
    if about.form == "ollama":
        file = name_of(example.collection, len(prompt.instructions))
        return _block("sh", f"ollama create {about.name} -f {file} && ollama run {about.name}")
    instructions = f'prompt["instructions"][{json.dumps(example.collection)}]'
    if prompt.instructions[example.collection] is None:  # they differ from question to question
        instructions = json.dumps(example.instructions, ensure_ascii=False)
    asked = f"question = {json.dumps(example.question, ensure_ascii=False)}\n"
    code = _gguf(about) if about.form == "gguf" else _transformers(about)
    return "In this folder:\n\n" + _block("python", code.replace(_HERE, asked + _IDS + instructions + _PARTS))


def _block(language: str, code: str) -> str:
    return f"```{language}\n{code}\n```"


def _transformers(about: About) -> str:
    auto = "AutoModelForSeq2SeqLM" if about.kind == "seq2seq" else "AutoModelForCausalLM"
    start = "1" if about.kind == "seq2seq" else "len(ids)"
    imports, load = _merged(auto) if about.form == "merged" else _adapter(about, auto)
    return (
        f"{imports}\n\n{_HERE}\n"
        f'tokenizer = AutoTokenizer.from_pretrained(".")\n{load}\n'
        'ids = [i for part in parts for i in tokenizer(part, add_special_tokens=False)["input_ids"]]\n'
        "answer = model.generate(\n"
        '    input_ids=torch.tensor([ids]), max_new_tokens=prompt["max_new_tokens"], do_sample=False, '
        "eos_token_id=tokenizer.eos_token_id\n)\n"
        f"print(tokenizer.decode(answer[0, {start}:], skip_special_tokens=True).strip())"
    )


def _merged(auto: str) -> tuple[str, str]:
    imports = f"import json\n\nimport torch\nfrom transformers import {auto}, AutoTokenizer"
    return imports, f'model = {auto}.from_pretrained(".")'


def _adapter(about: About, auto: str) -> tuple[str, str]:
    names, extra, after = f"{auto}, AutoTokenizer", "", ""
    if about.train.modality == "qlora":
        names += ", BitsAndBytesConfig"
        double = about.train.double_quantization
        extra = (
            ', quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", '
            f"bnb_4bit_use_double_quant={double})"
        )
        after = ".dequantize()"
    imports = f"import json\n\nimport torch\nfrom peft import PeftModel\nfrom transformers import {names}"
    base = json.dumps(about.student.model)
    if about.student.model == embedded.NAME:  # it is no folder of a hub, but inside a package
        imports, base = f"{imports}\nfrom thriftune.students.embedded import folder", "folder()"
    dtype = "torch.bfloat16" if about.precision == "bf16" else "torch.float32"
    load = f"base = {auto}.from_pretrained({base}, dtype={dtype}{extra}){after}"
    return imports, f'{load}\nmodel = PeftModel.from_pretrained(base, ".")'


def _gguf(about: About) -> str:
    return (
        f"import json\n\nfrom llama_cpp import Llama\n\n{_HERE}\n"
        f'model = Llama("{about.name}-q8_0.gguf", n_ctx=4096, verbose=False)\n'
        "ids = [i for part in parts for i in model.tokenize(part.encode(), add_bos=False, special=True)]\n"
        "answer = model.create_completion(\n"
        '    ids, max_tokens=prompt["max_new_tokens"], temperature=0, repeat_penalty=1.0, stop=prompt["stop"]\n)\n'
        'print(answer["choices"][0]["text"].strip())'
    )
