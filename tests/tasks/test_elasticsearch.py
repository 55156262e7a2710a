"""Elasticsearch through its official client, over HTTP; the server is a stand-in, see `elastic`."""

import base64
import json
import logging
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from thriftune.errors import EngineError, MissingPackage
from thriftune.recipe import Recipe
from thriftune.records import Question
from thriftune.tasks.build import build
from thriftune.tasks.query_dsl.engine import Engine, Refusal, embedded
from thriftune.tasks.query_dsl.servers import Server

from .elastic import PASSWORD, USER, Elastic

pytest.importorskip("elasticsearch", reason="the optional client of Elasticsearch")
MAPPING = {"properties": {"genre": {"type": "keyword"}, "year": {"type": "integer"}, "released": {"type": "date"}}}
DOCUMENTS = [
    {"_id": str(n), "genre": genre, "year": 1990 + n, "released": f"{1990 + n}-05-01"}
    for n, genre in enumerate(["Horror", "Comedy", "Drama", "War"] * 5)
]
AUTH = (USER, PASSWORD)
QUESTION = Question(id="q", collection="films", text="which?", meaning="q")
GOLD = json.dumps({"query": {"range": {"year": {"gte": 2000}}}})


@pytest.fixture(scope="module")
def behind():
    with embedded() as running:
        running.load("films", MAPPING, DOCUMENTS)
        yield running.url


@contextmanager
def serving(target, major, product="Elasticsearch"):
    server = Elastic(target, major, product)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=[8, 9])
def elastic(behind, request):
    with serving(behind, request.param) as server:
        yield server


@pytest.fixture
def nine(behind):
    with serving(behind, 9) as server:
        yield server


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Make the task of a recipe whose engine is the server given."""
    (tmp_path / "mapping.json").write_text(json.dumps({"films": {"mappings": MAPPING}}))
    (tmp_path / "documents.jsonl").write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS))
    monkeypatch.setenv("THRIFTUNE_ENGINE_USER", USER)
    monkeypatch.setenv("THRIFTUNE_ENGINE_PASSWORD", PASSWORD)
    tasks = []

    def make(url, **engine):
        files = {"mapping": str(tmp_path / "mapping.json"), "documents": str(tmp_path / "documents.jsonl")}
        settings = {"engine": {"url": url, **engine}, "collections": {"films": files}}
        recipe = {"name": "r", "task": settings, "teacher": {"lessons": ["l.jsonl"]}}
        tasks.append(build(Recipe.model_validate(recipe)))
        return tasks[-1]

    yield make
    for task in tasks:
        task.close()


def test_the_server_is_recognised_and_judges(elastic, made):
    task = made(elastic.url)
    assert task.engine.server == Server("elasticsearch", f"{elastic.major}.1.0")
    same = task.judge(QUESTION, GOLD, json.dumps({"query": {"range": {"year": {"gt": 1999}}}}))
    assert (same.valid, same.execution_match, same.robust_match, same.gold_result[:10]) == (
        True,
        True,
        True,
        "10 matches",
    )
    other = task.judge(QUESTION, GOLD, json.dumps({"query": {"range": {"year": {"gt": 2000}}}}))
    assert (other.valid, other.execution_match, other.fault) == (True, False, "wrong_result")


def test_it_is_only_searched_and_in_its_own_content_type(elastic, made):
    made(elastic.url).check(QUESTION, GOLD)
    assert [(method, path) for method, path, *_ in elastic.asked] == [("GET", "/"), ("POST", "/films/_msearch")]
    assert elastic.asked[-1][2] == "application/vnd.elasticsearch+x-ndjson; compatible-with=8"


def test_a_stated_kind_is_not_asked_for(nine, made):
    made(nine.url, kind="elasticsearch").check(QUESTION, GOLD)
    assert [path for _, path, *_ in nine.asked] == ["/films/_msearch"]


def test_indices_are_made_filled_and_dropped(elastic):
    engine = Engine(elastic.url, AUTH)
    assert engine.load("made", MAPPING, DOCUMENTS) == 20
    reply = engine.search("made", [{"query": {"term": {"genre": "War"}}}, {"query": {"term": {"genre": "Opera"}}}])
    assert [answer["hits"]["total"]["value"] for answer in reply] == [5, 0]
    with pytest.raises(EngineError, match=r"index made, document 1: .*year"):
        engine.load("made", MAPPING, [{"_id": "1", "year": "soon"}])
    engine.drop("made")
    with pytest.raises(EngineError, match="has no index made"):
        engine.search("made", [{}])


def test_a_malformed_body_is_a_verdict_in_the_servers_words(elastic, made):
    verdict = made(elastic.url).check(QUESTION, json.dumps({"query": {"matchh": {"genre": "War"}}}))
    assert (verdict.valid, verdict.fault) == (False, "invalid") and "unknown query [matchh]" in verdict.detail


def test_one_malformed_body_spoils_no_other(nine):
    found = Engine(nine.url, AUTH).search("films", [{"query": {"bool": []}}, {"query": {"match_all": {}}}])
    assert isinstance(found[0], Refusal) and found[1]["hits"]["total"]["value"] == 20


def test_the_dialect_is_that_of_the_server(nine, made):
    task = made(nine.url)
    histogram = {"date_histogram": {"field": "released", "interval": "month"}}
    gone = task.check(QUESTION, json.dumps({"size": 0, "aggs": {"a": histogram}}))
    assert (gone.valid, gone.fault) == (False, "invalid") and "gone since Elasticsearch 8" in gone.detail
    before = len(nine.asked)
    task.check(QUESTION, json.dumps({"size": 0, "aggs": {"a": {"top_metrics": {"sort": {"year": "desc"}}}}}))
    assert b"top_metrics" in nine.asked[before][3], "what the server has is sent to it"


def test_what_the_boundary_documents_cannot_run_is_not_called_right_or_wrong(nine, made, monkeypatch):
    """They live in the embedded engine, which lacks what only Elasticsearch has."""
    task = made(nine.url)
    reply = {"hits": {"total": {"value": 1}, "hits": []}, "aggregations": {"a": {"top": []}}}
    monkeypatch.setattr(task.engine, "search", lambda index, bodies: [reply for _ in bodies])
    body = {"size": 0, "aggs": {"a": {"top_metrics": {"metrics": {"field": "year"}, "sort": {"year": "desc"}}}}}
    verdict = task.judge(QUESTION, json.dumps(body), json.dumps(body | {"track_total_hits": True}))
    assert (verdict.valid, verdict.execution_match, verdict.robust_match) == (True, True, None)


def test_wrong_credentials_are_one_message_without_them(nine, made, monkeypatch):
    monkeypatch.setenv("THRIFTUNE_ENGINE_PASSWORD", "wrong-one")
    for kind in ("auto", "elasticsearch"):
        with pytest.raises(EngineError, match="refuses the credentials") as raised:
            made(nine.url, kind=kind).check(QUESTION, GOLD)
        assert "wrong-one" not in str(raised.value)


def test_credentials_are_in_no_log(nine, made, caplog):
    caplog.set_level(logging.DEBUG)
    made(nine.url).check(QUESTION, GOLD)
    assert "_msearch" in caplog.text
    assert PASSWORD not in caplog.text
    assert base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode() not in caplog.text


def test_a_slow_query_is_a_verdict(nine, made):
    task = made(nine.url, timeout_seconds=1.0)
    nine.slow, nine.wait = b"Western", 3.0
    started = time.monotonic()
    verdict = task.check(QUESTION, json.dumps({"query": {"term": {"genre": "Western"}}}))
    assert (verdict.valid, verdict.fault) == (False, "limit:time") and time.monotonic() - started < 4
    assert task.check(QUESTION, GOLD).valid


def test_a_server_that_is_not_there(made):
    with pytest.raises(EngineError, match=r"cannot reach the search engine at http://127\.0\.0\.1:9"):
        made("http://127.0.0.1:9", kind="elasticsearch").check(QUESTION, GOLD)


@pytest.mark.parametrize(
    ("major", "product", "kind", "said"),
    [
        (7, "Elasticsearch", "auto", r"is elasticsearch 7\.1\.0; 8 or newer is needed"),
        (9, "", "elasticsearch", r"is not Elasticsearch\. Set task\.engine\.kind: opensearch"),
        (11, "Elasticsearch", "auto", "does not understand the installed client"),
    ],
)
def test_a_server_that_the_client_does_not_speak_with(behind, made, major, product, kind, said):
    with serving(behind, major, product) as server, pytest.raises(EngineError, match=said):
        made(server.url, kind=kind).check(QUESTION, GOLD)


def test_without_the_client_the_message_has_the_command(nine, made, monkeypatch):
    monkeypatch.setitem(sys.modules, "elasticsearch", None)
    with pytest.raises(MissingPackage, match=r"pip install 'thriftune\[elasticsearch\]'"):
        made(nine.url).check(QUESTION, GOLD)
