"""When two queries count as the same: rows, order, ties, limits, numbers; and luck that other rows expose."""

import pytest

from .conftest import judge_on

BY_AMOUNT = "SELECT id FROM orders ORDER BY amount DESC"

# name: gold, prediction with the same answer
EQUIVALENT = {
    "columns in another order": (
        "SELECT state, count(*) FROM orders GROUP BY state",
        "SELECT count(*) AS n, state FROM orders GROUP BY state",
    ),
    "an order that nobody asked for": ("SELECT name FROM customers", "SELECT name FROM customers ORDER BY name DESC"),
    "in for join": (
        "SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer WHERE c.city = 'Oslo'",
        "SELECT count(*) FROM orders WHERE customer IN (SELECT id FROM customers WHERE city = 'Oslo')",
    ),
    "a key is unique": ("SELECT count(*) FROM customers", "SELECT count(DISTINCT id) FROM customers"),
    "a required column": ("SELECT count(*) FROM customers", "SELECT count(name) FROM customers"),
    "every reference is met": (
        "SELECT count(*) FROM orders",
        "SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer",
    ),
    "a reference in a condition": (
        "SELECT count(*) FROM orders WHERE customer < 5 OR customer = 99",
        "SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer WHERE c.id < 5 OR c.id = 99",
    ),
    "a view": ("SELECT sum(amount) FROM paid", "SELECT sum(amount) FROM orders WHERE state = 'paid'"),
    "one more on integers": ("SELECT id FROM orders WHERE items > 2", "SELECT id FROM orders WHERE items >= 3"),
    "between": (
        "SELECT id FROM orders WHERE day BETWEEN '2024-03-01' AND '2024-05-31'",
        "SELECT id FROM orders WHERE day >= '2024-03-01' AND day <= '2024-05-31'",
    ),
    "a month by prefix": (
        "SELECT id FROM orders WHERE strftime('%Y-%m', day) = '2024-03'",
        "SELECT id FROM orders WHERE day >= '2024-03-01' AND day < '2024-04-01'",
    ),
    "not exists for left join": (
        "SELECT name FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id)",
        "SELECT c.name FROM customers c LEFT JOIN orders o ON o.customer = c.id WHERE o.id IS NULL",
    ),
    "real for integer": ("SELECT avg(items) FROM orders", "SELECT sum(items) * 1.0 / count(items) FROM orders"),
    "ties in an order": (BY_AMOUNT, BY_AMOUNT + ", id DESC"),
    "ties at a limit": (BY_AMOUNT + " LIMIT 5", BY_AMOUNT + ", id DESC LIMIT 5"),
    "ties at an offset": (BY_AMOUNT + " LIMIT 5 OFFSET 3", BY_AMOUNT + ", id DESC LIMIT 3, 5"),
    "ties by the name of a column": (
        "SELECT customer, count(*) AS n FROM orders GROUP BY customer ORDER BY n DESC LIMIT 4",
        "SELECT customer, count(*) FROM orders GROUP BY customer ORDER BY 2 DESC, customer DESC LIMIT 4",
    ),
    "ties behind distinct": (
        "SELECT DISTINCT state, amount FROM orders ORDER BY amount LIMIT 4",
        "SELECT state, amount FROM orders GROUP BY state, amount ORDER BY amount, state DESC LIMIT 4",
    ),
    "any rows at a limit without an order": (
        "SELECT id FROM orders LIMIT 3",
        "SELECT id FROM orders ORDER BY id DESC LIMIT 3",
    ),
    "a computed order": (
        "SELECT id FROM orders ORDER BY amount * items DESC, id LIMIT 3",
        "SELECT id FROM orders ORDER BY items * amount DESC, id LIMIT 3",
    ),
    "both find nothing": (
        "SELECT id FROM orders WHERE state = 'lost'",
        "SELECT id, day FROM orders WHERE state = 'gone'",
    ),
}

# name: gold, prediction with another answer
DIFFERENT = {
    "the other direction": (BY_AMOUNT, "SELECT id FROM orders ORDER BY amount"),
    "no order": (BY_AMOUNT, "SELECT id FROM orders ORDER BY id"),
    "another limit": (BY_AMOUNT + " LIMIT 5", BY_AMOUNT + " LIMIT 6"),
    "rows beyond the tie": (BY_AMOUNT + " LIMIT 5", "SELECT id FROM orders ORDER BY amount LIMIT 5"),
    "a row taken twice": ("SELECT id FROM orders LIMIT 2", "SELECT 1 UNION ALL SELECT 1"),
    "duplicates dropped": ("SELECT state FROM orders", "SELECT DISTINCT state FROM orders"),
    "one column more": ("SELECT name FROM customers", "SELECT name, city FROM customers"),
    "text for a number": ("SELECT count(*) FROM orders", "SELECT '60'"),
    "a neighbouring integer": ("SELECT 1000000", "SELECT 1000001"),
    "an order inside a subquery is none": (
        "SELECT id FROM (SELECT id FROM orders ORDER BY id) WHERE id < 3",
        "SELECT id FROM orders WHERE id < 4",
    ),
    "columns mixed between rows": (
        "SELECT 1, 2 UNION ALL SELECT 2, 1",
        "SELECT 1, 1 UNION ALL SELECT 2, 2",
    ),
}

# name: gold, prediction that has the same rows in this shop by luck alone
LUCKY = {
    "a bound that no row touches": (
        "SELECT id FROM orders WHERE amount > 60",
        "SELECT id FROM orders WHERE amount >= 60",
    ),
    "a bound off by one day": (
        "SELECT id FROM orders WHERE day < '2024-04-01'",
        "SELECT id FROM orders WHERE day <= '2024-04-01'",
    ),
    "a constant": ("SELECT count(*) FROM orders WHERE state = 'paid'", "SELECT 20"),
    "a missing condition": (
        "SELECT name FROM customers WHERE id < 100 AND city = 'Oslo'",
        "SELECT name FROM customers WHERE city = 'Oslo'",
    ),
    "a prefix for equality": (
        "SELECT id FROM orders WHERE state = 'paid'",
        "SELECT id FROM orders WHERE state LIKE 'paid%'",
    ),
    "nothing found, for another reason": (
        "SELECT id FROM orders WHERE state = 'lost'",
        "SELECT id FROM orders WHERE state = 'gone'",
    ),
    "gaps counted": ("SELECT count(state) FROM orders", "SELECT count(*) FROM orders"),
}


@pytest.mark.parametrize("name", sorted(EQUIVALENT.keys() - {"both find nothing"}))
def test_the_same_answer_in_other_words(judge, name):
    gold, other = EQUIVALENT[name]
    for one, two in ((gold, other), (other, gold) if "ORDER" not in other else (gold, gold)):
        verdict = judge(one, two)
        assert (verdict.valid, verdict.execution_match, verdict.robust_match) == (True, True, True), verdict.detail
        assert verdict.result_f1 == 1.0 and not verdict.fault


@pytest.mark.parametrize("name", DIFFERENT)
def test_another_answer(judge, name):
    verdict = judge(*DIFFERENT[name])
    assert (verdict.valid, verdict.execution_match, verdict.fault) == (True, False, "wrong_result")
    assert verdict.detail and verdict.robust_match is False


@pytest.mark.parametrize("name", LUCKY)
def test_luck_is_exposed_by_other_rows(judge, name):
    verdict = judge(*LUCKY[name])
    assert (verdict.execution_match, verdict.robust_match) == (True, False)


def test_without_robust_no_copy_is_made(shop):
    judge = judge_on(shop, robust=False)
    verdict = judge(*LUCKY["a constant"])
    assert (verdict.execution_match, verdict.robust_match) == (True, None) and not judge.task._copies
    judge.task.close()


def test_two_empty_answers_are_equal_and_counted_apart(judge):
    verdict = judge(*EQUIVALENT["both find nothing"])
    assert verdict.execution_match and verdict.gold_empty
    assert judge.check("SELECT count(*) FROM orders WHERE state = 'lost'").gold_empty
    assert not judge.check("SELECT count(*) FROM orders").gold_empty


def test_partial_credit_counts_shared_rows(judge):
    verdict = judge("SELECT id FROM orders WHERE id <= 10", "SELECT id FROM orders WHERE id <= 5")
    assert verdict.result_f1 == pytest.approx(2 * 5 / 15) and verdict.detail == "5 rows instead of 10"
    assert judge(BY_AMOUNT, "SELECT id FROM orders").detail == "same rows in another order"


def test_a_gold_that_owes_its_rows_to_chance_judges_nobody_on_copies(judge):
    """Orders tie at the greatest amount: which of them the inner limit takes is for the engine to choose."""
    gold = "SELECT customer FROM orders WHERE id = (SELECT id FROM orders ORDER BY amount DESC LIMIT 1)"
    verdict = judge(gold, gold.replace("DESC LIMIT", "DESC, id LIMIT"))
    assert verdict.robust_match == verdict.execution_match


@pytest.mark.parametrize(
    ("one", "two", "equal"),
    [
        ("SELECT id FROM orders", "select  id\nfrom orders ;", True),
        ("SELECT id FROM orders -- all", "SELECT /* the key */ id FROM orders", True),
        ("SELECT count(*) AS n FROM orders", "SELECT count(*) FROM orders", True),
        ("SELECT id FROM orders WHERE id <> 3", "SELECT id FROM orders WHERE id != 3", True),
        ("SELECT id FROM orders WHERE state = 'Paid'", "SELECT id FROM orders WHERE state = 'paid'", False),
        ("SELECT id FROM orders WHERE state = '--'", "SELECT id FROM orders WHERE state = '", False),
        ("SELECT count(*) AS n FROM orders ORDER BY n", "SELECT count(*) FROM orders ORDER BY n", False),
    ],
)
def test_canonical_form_is_about_spelling_alone(one, two, equal):
    from thriftune.tasks.sql.words import canonical

    assert (canonical(one) == canonical(two)) == equal


def test_tidy_keeps_strings_and_meaning(judge):
    query = "select id -- which\nfrom orders where state = 'from  --x' or day like '2024-03%'  ;"
    tidy = judge.task.tidy(query)
    assert tidy == "SELECT id FROM orders WHERE state = 'from  --x' OR day LIKE '2024-03%'"
    assert judge(query, tidy).robust_match and judge.task.tidy(tidy) == tidy


@pytest.mark.parametrize(
    "query", ["\x0bSELECT id FROM orders", "SELECT id FROM orders\u00a0", "SELECT id FROM orders /*"]
)
def test_tidy_does_not_mend(judge, query):
    """What SQLite does not take for space or comment is a fault, before and after."""
    assert not judge.check(query).valid and not judge.check(judge.task.tidy(query)).valid


def test_families_name_what_a_query_is_made_of(judge):
    query = "SELECT o.state, count(*) FROM orders o JOIN customers c ON c.id = o.customer WHERE c.city IS NOT NULL"
    assert judge.task.families(query + " GROUP BY o.state HAVING count(*) > 3") == (
        "aggregate", "group_by", "having", "join", "not", "null", "where",
    )  # fmt: skip
