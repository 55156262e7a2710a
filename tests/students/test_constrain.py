"""Constrained decoding takes the likeliest token that the grammar allows, by every way of decoding."""

import json

import pytest
import torch

from thriftune.errors import StudentError
from thriftune.evaluate import generate as generation
from thriftune.evaluate.generate import generate
from thriftune.prompts import Prompt
from thriftune.students.constrain import Constrainer, GrammarRow, allowed_tokens
from thriftune.students.decode import Cache
from thriftune.students.load import load_for_generation
from thriftune.tasks.base import Grammar
from thriftune.testing import tiny

PROMPTS = [Prompt("Index films.", text) for text in ("horror of the nineties", "late?", "how many are there, and why?")]
QUERY = Grammar(
    "lark", 'start: "{\\"query\\":{\\"term\\":{" KEY ":" /[0-9]{2,4}/ "}}}"\nKEY: "\\"year\\"" | "\\"runtime\\""'
)
WORDS = Grammar("lark", "start: /[a-z ]{30,60}/")
OBJECT = {
    "type": "object",
    "properties": {"a": {"enum": ["x", "yy"]}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module", params=["causal", "seq2seq"])
def student(request, tmp_path_factory):
    folder = tiny.save(tmp_path_factory.mktemp("student"), request.param, seed=4)
    return load_for_generation(str(folder), "auto", "fp32")


def ids_of(student, text):
    return student.tokenizer(text, add_special_tokens=False)["input_ids"]


def test_answers_are_within_the_grammar_and_end_with_it(student):
    for answer in generate(student, PROMPTS, grammars=[QUERY] * 3, max_new_tokens=80):
        assert student.constrainer.accepts(QUERY, ids_of(student, answer.text)), answer.text
        assert list(json.loads(answer.text)["query"]["term"]) in (["year"], ["runtime"])


def test_one_that_is_free_is_as_without_grammars(student):
    free = generate(student, PROMPTS, max_new_tokens=24)
    mixed = generate(student, PROMPTS, grammars=[QUERY, None, QUERY], max_new_tokens=24)
    assert mixed[1].text == free[1].text and mixed[1].tokens == free[1].tokens
    assert mixed[0].text.startswith('{"query":{"term":{"')


def test_no_key_is_written_twice():
    tokenizer, chance = tiny.tokenizer(), torch.Generator().manual_seed(0)
    grammar = Grammar("lark", 'start: "{" KEY "1" ("," KEY "1"){7} "}"\nKEY: /"[ab]{1,30}":/')
    constrainer, refused = Constrainer(tokenizer, 400), 0
    for _ in range(20):
        row, free = constrainer.row(grammar), constrainer.matcher(grammar)
        written = list(row.forced())
        free.consume_tokens(written)
        while not row.must_end():
            logits = torch.randn(400, generator=chance)
            token = row.choose(logits, int(logits.argmax()))
            allowed = allowed_tokens(free.compute_bitmask(), 400)
            refused += token != int(logits.masked_fill(~allowed, -torch.inf).argmax())
            new = [token, *row.take(token)]
            free.consume_tokens(new)
            written += new
        assert len(json.loads(tokenizer.decode(written))) == 8, tokenizer.decode(written)
    assert refused > 3, "the grammar alone would have let keys come twice"


def test_where_there_is_one_answer_the_model_is_not_asked(student):
    only = Grammar("lark", 'start: "{}"')
    answers = generate(student, PROMPTS, grammars=[only, QUERY, only], max_new_tokens=60)
    assert [answer.text for answer in answers][::2] == ["{}", "{}"] and len(answers[1].text) > 20
    assert {answer.text for answer in generate(student, PROMPTS, grammars=[only] * 3)} == {"{}"}


def test_an_answer_is_cut_off_where_it_is_too_long(student):
    for most in (1, 5, 7):
        for answer in generate(student, PROMPTS, grammars=[QUERY] * 3, max_new_tokens=most):
            assert answer.tokens == most and '{"query":{"term":{"year":1999}}}'.startswith(answer.text[:4])


def test_batches_of_any_size_answer_alike(student):
    alone = generate(student, PROMPTS, grammars=[QUERY, WORDS, QUERY], batch=1, max_new_tokens=70)
    together = generate(student, PROMPTS, grammars=[QUERY, WORDS, QUERY], batch=3, max_new_tokens=70)
    assert [answer.text for answer in alone] == [answer.text for answer in together]


def test_a_shared_prefix_and_plain_transformers_write_the_same(student, monkeypatch):
    if student.kind == "seq2seq":
        pytest.skip("it has no shared prefix")
    ours = generate(student, PROMPTS, grammars=[QUERY, WORDS, QUERY], max_new_tokens=70)
    monkeypatch.setattr(generation, "_covered", lambda model: False)
    plain = generate(student, PROMPTS, grammars=[QUERY, WORDS, QUERY], max_new_tokens=70)
    assert [(answer.text, answer.tokens) for answer in ours] == [(answer.text, answer.tokens) for answer in plain]


def test_the_likeliest_allowed_token_is_taken():
    tokenizer = tiny.tokenizer()
    constrainer, chance = Constrainer(tokenizer, 416), torch.Generator().manual_seed(0)
    row, free = constrainer.row(WORDS), constrainer.matcher(WORDS)
    for _ in range(12):
        logits = torch.randn(416, generator=chance)
        allowed = allowed_tokens(free.compute_bitmask(), 416)
        chosen = row.choose(logits, int(logits.argmax()))
        assert chosen == int(logits.masked_fill(~allowed, -torch.inf).argmax())
        for token in (chosen, *row.take(chosen)):
            assert free.consume_token(token)


def test_a_cache_grows_and_keeps_what_it_holds():
    cache, held = Cache([], 2, torch.zeros(2, 2)), torch.arange(2.0 * 3 * 2 * 4).reshape(2, 3, 2, 4)
    cache.extend(0, held, held + 1)
    cache.length = 2
    cache.make_room(torch.tensor([2, 0]), 3)
    keys, values = cache.extend(0, held[:, :, :1].repeat(1, 1, 3, 1), held[:, :, :1].repeat(1, 1, 3, 1))
    assert keys.shape == (2, 3, 5, 4) and torch.equal(keys[:, :, :2], held) and torch.equal(values[:, :, :2], held + 1)
    assert cache.hidden[:, :5].isinf().tolist() == [[False, False, True, True, False], [False] * 5]


def test_bits_are_read_lowest_first_and_beyond_the_mask_nothing_is_allowed():
    assert allowed_tokens(bytes([0b00000101, 0b10000000]), 20).nonzero().flatten().tolist() == [0, 2, 15]


def test_an_end_before_the_answer_is_whole_is_refused():
    constrainer = Constrainer(tiny.tokenizer(), 400)
    row = constrainer.row(Grammar("lark", 'start: "ab" "c"?'))
    assert isinstance(row, GrammarRow) and row.forced()
    logits = torch.zeros(400)
    logits[1] = 9
    assert row.choose(logits, 1) == 1, "after ab the answer is whole"
    row = constrainer.row(Grammar("lark", 'start: /[ab]/ "c"'))
    assert row.choose(logits, 1) != 1, "nothing is not whole"


def test_what_a_schema_cannot_enforce_is_told_and_the_rest_is_enforced():
    tokenizer = tiny.tokenizer()
    constrainer = Constrainer(tokenizer, 400)
    grammar = Grammar("json_schema", json.dumps({"type": "array", "items": OBJECT, "uniqueItems": True}))
    ids = tokenizer('[{"a":"x"},{"a":"yy"}]', add_special_tokens=False)["input_ids"]
    assert constrainer.accepts(grammar, ids) and not constrainer.accepts(grammar, ids[:-1])
    assert not constrainer.accepts(grammar, tokenizer('[{"a":"z"}]', add_special_tokens=False)["input_ids"])
    assert len(constrainer.ignored) == 1 and "uniqueItems" in constrainer.ignored[0]


def test_a_grammar_with_a_fault_and_a_tokenizer_without_bytes_are_told():
    constrainer = Constrainer(tiny.tokenizer(), 400)
    with pytest.raises(StudentError, match="cannot be enforced"):
        constrainer.row(Grammar("lark", "start: nothing_of_the_kind"))
    with pytest.raises(StudentError, match="fast tokenizer"):
        Constrainer(object(), 400)
