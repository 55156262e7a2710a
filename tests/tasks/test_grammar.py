"""The grammar of a mapping spells every lesson of the demo and nothing that cannot be right; what it spells runs."""

import json
import random

import jsonschema
import pytest

from thriftune.demo import films as demo_films
from thriftune.demo import flights, support
from thriftune.records import Question
from thriftune.students.constrain import Constrainer
from thriftune.tasks.base import Grammar
from thriftune.tasks.query_dsl.grammar import grammar_of
from thriftune.teach.teachers import path_of
from thriftune.testing import tiny
from thriftune.testing.walk import Walker

TOKENIZER = tiny.tokenizer()
GRAMMARS = {
    "films": grammar_of(demo_films.MAPPING),
    "flights": grammar_of(flights.MAPPING),
    "support": Grammar("json_schema", json.dumps(support.SCHEMA)),
}


@pytest.fixture(scope="module")
def mapping(films):
    return films.mapping


@pytest.fixture(scope="module")
def constrainer():
    return Constrainer(TOKENIZER, len(TOKENIZER))


def accepts(constrainer, grammar, text):
    return constrainer.accepts(grammar, TOKENIZER(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("name", list(GRAMMARS))
def test_every_lesson_of_the_demo_can_be_written(constrainer, name):
    refused, count = [], 0
    for line in path_of(f"demo:{name}").read_text(encoding="utf-8").splitlines():
        label = json.loads(line)["response"].split("<answer>")[1].split("</answer>")[0]
        tidy = json.dumps(json.loads(label), separators=(",", ":"), ensure_ascii=False)
        count += 1
        if not accepts(constrainer, GRAMMARS[name], tidy):
            refused.append(tidy)
    assert count > 60 and not refused, f"{len(refused)} of {count}: {refused[:3]}"


WRONG = {
    "a field that is not there": '{"query":{"term":{"genre":"Horror"}}}',
    "a clause that is not there": '{"query":{"terme":{"genres":"Horror"}}}',
    "a number as text": '{"query":{"term":{"year":"1999"}}}',
    "text as a number": '{"query":{"term":{"genres":7}}}',
    "no boolean": '{"query":{"term":{"colour":"yes"}}}',
    "a fraction in whole numbers": '{"query":{"range":{"year":{"gte":1.5}}}}',
    "too large for a byte": '{"query":{"term":{"stars":128}}}',
    "no date": '{"query":{"range":{"released":{"gte":"January"}}}}',
    "the 30th of February": '{"query":{"range":{"released":{"gte":"2000-02-30"}}}}',
    "the 29th of no leap year": '{"query":{"range":{"released":{"gte":"1900-02-29"}}}}',
    "a date in another format": '{"query":{"range":{"added":{"gte":"2000-02-03T10:00:00"}}}}',
    "two lower bounds": '{"query":{"range":{"year":{"gte":1,"gt":1}}}}',
    "an exact term on text": '{"query":{"term":{"title":"Crow"}}}',
    "words in a number": '{"query":{"match":{"year":"1999"}}}',
    "a nested field outside": '{"query":{"term":{"cast.role":"lead"}}}',
    "an outer field within": '{"query":{"nested":{"path":"cast","query":{"term":{"genres":"War"}}}}}',
    "a key twice": '{"query":{"bool":{"filter":[{"match_all":{}}],"filter":[{"match_all":{}}]}}}',
    "a page beyond the results": '{"from":1,"size":10000}',
    "a sort on text": '{"sort":["title"]}',
    "an average of words": '{"size":0,"aggs":{"a":{"avg":{"field":"genres"}}}}',
    "an order by what is not there": '{"aggs":{"a":{"terms":{"field":"genres","order":{"avg_year":"desc"}}}}}',
    "fuzziness of a phrase": '{"query":{"multi_match":{"query":"a","fields":["title"],"type":"phrase","fuzziness":1}}}',
    "a space": '{"query": {"match_all":{}}}',
    "a needless zero": '{"query":{"term":{"rating":1.50}}}',
    "a document without an id": '{"query":{"ids":{"values":["7",""]}}}',
    "half of a body": '{"query":{"match_all":{}}',
    "nothing": "",
    "words": "I cannot answer that.",
}
RIGHT = [
    '{"query":{"term":{"year":{"value":1999}}},"aggs":{"x y-z":{"terms":{"field":"genres"}}},"size":0}',
    '{"sort":[{"year":{"missing":"_last","order":"desc"}},"_score"],"size":10000}',
    '{"sort":{"cast.age":{"order":"asc","nested":{"path":"cast"}}},"_source":["studio","title"],"from":9000,"size":1000}',
    '{"query":{"range":{"added":{"lt":"2000-02-03 10:00:00","gte":"now-1y/y","time_zone":"+02:00"}}}}',
    '{"query":{"range":{"released":{"lt":"2000-02-29||+1M/d"}}}}',
    '{"query":{"bool":{"must_not":{"exists":{"field":"studio"}},"should":[{"prefix":{"path":"/a\\\\b"}}]}}}',
    '{"query":{"multi_match":{"query":"a","fields":["title^3","genres"],"type":"best_fields","fuzziness":"AUTO"}}}',
]


@pytest.mark.parametrize("name", list(WRONG))
def test_what_cannot_be_right_cannot_be_written(constrainer, mapping, name):
    assert not accepts(constrainer, grammar_of(mapping), WRONG[name])


@pytest.mark.parametrize("text", RIGHT)
def test_keys_stand_in_any_order_and_clauses_have_their_long_forms(constrainer, task, mapping, text):
    assert accepts(constrainer, grammar_of(mapping), text)
    verdict = task.check(asked("films"), text)
    assert verdict.valid, verdict


@pytest.mark.parametrize("seed", range(3))
def test_what_the_grammar_spells_runs(task, mapping, seed):
    walker, chance, faults = Walker(TOKENIZER, grammar_of(mapping)), random.Random(seed), []
    texts = [text for _ in range(40) if (text := walker.answer(chance))]
    assert len(texts) > 35
    for text in texts:
        assert task.tidy(text) == text
        verdict = task.check(asked("films"), text)
        if not verdict.valid:
            faults.append((verdict.fault, verdict.detail[:100], text[:300]))
    assert not faults, f"{len(faults)} of {len(texts)}: {faults}"


def test_a_schema_spells_documents_that_it_accepts():
    walker, chance = Walker(TOKENIZER, GRAMMARS["support"]), random.Random(0)
    texts = [text for _ in range(20) if (text := walker.answer(chance))]
    assert len(texts) > 15
    for text in texts:
        jsonschema.validate(json.loads(text), support.SCHEMA)


@pytest.mark.parametrize(
    "kind", ["text", "keyword", "long", "date", "boolean", "ip", "geo_point", "binary", "half_float"]
)
def test_a_mapping_of_one_field_has_a_grammar(constrainer, kind):
    grammar = grammar_of({"properties": {'a`b$c"d': {"type": kind}}})
    assert accepts(constrainer, grammar, '{"query":{"exists":{"field":"a`b$c\\"d"}}}')
    assert accepts(constrainer, grammar_of({"properties": {}}), '{"query":{"match_all":{}}}')


def asked(collection):
    return Question(id="q", collection=collection, text="?", meaning="q")
