"""What a query may not do: write, reach files, run on, or fill the memory. It is always a verdict."""

import hashlib
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thriftune.records import Verdict

from .conftest import QUESTION

GOLD = "SELECT state, count(*) FROM orders GROUP BY state"
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT {} FROM c"


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM orders",
        "WITH a AS (SELECT 1) DELETE FROM orders",
        "WITH a AS (SELECT 1) INSERT INTO customers SELECT 99, 'x', 'y'",
        "/* harmless */ UPDATE orders SET amount = 0",
        "REPLACE INTO customers VALUES (1, 'x', 'y')",
        "CREATE TABLE more (a)",
        "CREATE TEMP TABLE more AS SELECT 1",
        "DROP TABLE orders",
        "ATTACH DATABASE '/tmp/other.db' AS other",
        "DETACH main",
        "PRAGMA query_only = off",
        "PRAGMA table_info(orders)",
        "SELECT * FROM pragma_database_list",
        "SELECT sql FROM sqlite_master",
        "SELECT load_extension('/tmp/harm.so')",
        "SELECT fts3_tokenizer('simple')",
        "VACUUM INTO '/tmp/copy.db'",
        "BEGIN EXCLUSIVE",
        "EXPLAIN SELECT 1",
    ],
)
def test_only_reading_the_tables_is_run(judge, query):
    verdict = judge(GOLD, query)
    assert (verdict.valid, verdict.fault) == (False, "limit:read_only")
    assert not verdict.execution_match and not verdict.robust_match


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("SELEC 1", "not_sql"),
        ("", "not_sql"),
        ("the answer is 42", "not_sql"),
        ("SELECT 'half", "not_sql"),
        ("SELECT \0", "not_sql"),
        ("SELECT '\ud800'", "not_sql"),
        ("SELECT price FROM orders", "unmapped_field"),
        ("SELECT 1 FROM invoices", "unmapped_field"),
        ("SELECT sum(sum(amount)) FROM orders", "invalid"),
        ("SELECT ?", "invalid"),
        ("SELECT 1; SELECT 2", "limit:statements"),
        ("SELECT 1" + " + 1" * 10_000, "limit:size"),
        ("SELECT * FROM orders a, orders b, orders c", "limit:rows"),
        ("SELECT printf('%090000d', 1) FROM orders, customers", "limit:size"),
        ("SELECT zeroblob(900000000)", "limit:read_only"),
        (ENDLESS.format("count(DISTINCT printf('%09999d', x))"), "limit:memory"),
    ],
)
def test_each_fault_has_its_name_and_a_sentence(judge, query, fault):
    verdict = judge.check(query)
    assert (verdict.valid, verdict.fault) == (False, fault) and verdict.detail
    assert judge.check(GOLD).valid, "the database goes on"


@pytest.mark.parametrize("wanted", ["count(*)", "x", "max(x)"])
def test_a_query_without_end_is_stopped(hasty, wanted):
    start = time.monotonic()
    assert hasty.check(ENDLESS.format(wanted)).fault in ("limit:time", "limit:rows")
    assert hasty.check("SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e").fault == "limit:time"
    assert time.monotonic() - start < 3


WORDS = [
    *GOLD.split(),
    "(",
    ")",
    ",",
    "'",
    '"',
    "--",
    "/*",
    ";",
    "*",
    "ORDER",
    "LIMIT",
    "-1",
    "WITH",
    "RECURSIVE",
    "AS",
]
WORDS += [
    "UNION",
    "DELETE",
    "ATTACH",
    "PRAGMA",
    "x'00'",
    "NULL",
    "1e999",
    "\0",
    "\ud800",
    "é",
    "CASE",
    "END",
    "OVER",
    "?",
]
GOOD = [
    "SELECT state, count(*) AS n FROM orders GROUP BY state ORDER BY n DESC LIMIT 2 OFFSET 1",
    "WITH c AS (SELECT id FROM customers WHERE city = 'Oslo') SELECT o.id FROM orders o JOIN c ON c.id = o.customer",
    "SELECT DISTINCT state FROM orders WHERE amount BETWEEN 10 AND 40 UNION SELECT name FROM customers",
]


@st.composite
def mutated(draw):
    words = draw(st.sampled_from(GOOD)).split()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(words)))
        words[place : place + draw(st.integers(0, 2))] = draw(st.lists(st.sampled_from(WORDS), max_size=2))
    return " ".join(words)


@settings(max_examples=1_000, deadline=None)
@given(mutated() | st.text(max_size=60))
@example("SELECT " + "(" * 3_000)
@example("SELECT " + "'" * 9_999)
def test_any_text_is_judged_and_the_file_stays_as_it_is(hasty, shop, text):
    before = hashlib.sha256(shop.read_bytes()).digest()
    verdict = hasty(GOLD, text)
    assert isinstance(verdict, Verdict) and verdict.valid == (not verdict.fault or verdict.fault == "wrong_result")
    checked = hasty.check(text)
    assert checked.valid == verdict.valid
    assert isinstance(hasty.task.tidy(text), str) and hasty.task.families(text) is not None
    if checked.valid:  # as a gold it equals itself, and its one spelling says the same
        assert hasty(text, text).canonical
        assert hasty(text, hasty.task.tidy(text)).canonical
    assert hashlib.sha256(shop.read_bytes()).digest() == before
    assert sorted(path.name for path in shop.parent.iterdir()) == ["shop.db"]


def test_a_long_text_is_refused_before_it_is_read(judge):
    assert judge.check("SELECT 1 -- " + "x" * 20_000).fault == "limit:size"


def test_a_question_about_another_database_is_the_users_fault(judge):
    from thriftune.errors import InputError

    with pytest.raises(InputError, match=r"question q asks database 'bank'; task.databases has: shop"):
        judge.task.check(QUESTION.model_copy(update={"collection": "bank"}), GOLD)
