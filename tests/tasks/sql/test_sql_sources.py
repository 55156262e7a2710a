"""A user's own SQLite file: what is read of it, how it stands in the prompt, and what is said when it cannot be."""

import sqlite3

import pytest

from thriftune.errors import InputError
from thriftune.recipe import Database as Settings
from thriftune.recipe import load
from thriftune.tasks.build import build
from thriftune.tasks.sql.prompt import lines_of, render
from thriftune.tasks.sql.sources import read

from .conftest import QUESTION, fill, judge_on


def test_keys_references_views_and_generated_columns_are_seen(judge):
    tables = judge.task.sources["shop"].database.tables
    assert list(tables) == ["customers", "orders", "order details", "paid"]
    assert tables["customers"].parent and not tables["orders"].parent
    assert tables["customers"].unique == (("id",),) and tables["customers"].required == {"id", "name"}
    assert "doubled" in tables["orders"].columns and tables["paid"].view.startswith("CREATE VIEW")


def test_odd_names_generated_columns_and_views_are_judged_on_copies_too(judge):
    assert judge('SELECT "group" FROM "order details"', "SELECT [group] FROM [order details]").robust_match
    assert judge("SELECT sum(doubled) FROM orders", "SELECT sum(doubled) FROM orders").robust_match
    assert judge("SELECT count(*) FROM paid", "SELECT count(*) FROM orders").execution_match is False


def test_the_prompt_shows_tables_values_and_notes(judge):
    database = judge.task.sources["shop"].database
    text = render("shop", lines_of(database, {"orders.amount": "euros"}), "which orders?", 1500)
    assert "state TEXT, -- open, paid, void" in text and "amount REAL, -- euros" in text
    assert 'CREATE TABLE "order details" (' in text and '"group" TEXT, -- a, b' in text
    assert "city VARCHAR(30), -- Bergen, Oslo, Turku" in text and "Database shop" in text


def test_a_prompt_that_is_too_long_keeps_what_the_question_asks(judge):
    lines = lines_of(judge.task.sources["shop"].database, {})
    whole = render("shop", lines, "how many customers are there in each city?", 1500)
    cut = render("shop", lines, "how many customers are there in each city?", 70)
    assert len(cut) <= 70 * 3.5 < len(whole)
    assert "CREATE TABLE customers" in cut and "city" in cut and "unit price" not in cut


def test_content_and_notes_make_the_identity(tmp_path, shop):
    one, other = judge_on(shop), judge_on(fill(tmp_path / "copy.db"))
    assert one.task.identity() == other.task.identity()
    connection = sqlite3.connect(tmp_path / "copy.db")
    connection.execute("UPDATE orders SET amount = 1 WHERE id = 1")
    connection.commit()
    connection.close()
    changed = judge_on(tmp_path / "copy.db")
    assert changed.task.identity() != one.task.identity()
    for made in (one, other, changed):
        made.task.close()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no file"),
        (b"name,price\nfork,3\n" * 100, "cannot be read as an SQLite database: file is not a database"),
        (b"", "has no tables"),
    ],
)
def test_a_file_that_is_no_filled_database_is_named_with_its_key(tmp_path, content, sentence):
    path = tmp_path / "shop.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read("shop", Settings(file=path), 10.0)
    assert str(caught.value).startswith("task.databases.shop.file: ")
    assert sentence in str(caught.value) and str(path) in str(caught.value)
    assert (path.read_bytes() if path.exists() else None) == content


def test_a_cut_off_file_is_the_users_fault(tmp_path):
    path = fill(tmp_path / "shop.db")
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(InputError, match="cannot be read as an SQLite database"):
        read("shop", Settings(file=path), 10.0)


def test_a_table_without_rows_and_a_broken_view_do_no_harm(tmp_path):
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE a (x INTEGER, y TEXT); CREATE TABLE b (z); INSERT INTO b VALUES (1);"
        "CREATE TABLE gone (q); CREATE VIEW v AS SELECT q FROM gone; DROP TABLE gone;"
        "CREATE VIEW endless AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c;"
    )
    connection.close()
    judge = judge_on(path, 0.5)
    assert "CREATE TABLE a (" in judge.task.prompt(QUESTION).instructions and "a" in set(judge.task.texts())
    assert judge("SELECT z FROM b", "SELECT z FROM b").robust_match
    assert judge("SELECT z FROM b", "SELECT q FROM v").fault == "unmapped_field"
    assert judge("SELECT z FROM b", "SELECT count(x) FROM endless").fault == "limit:time"
    judge.task.close()


def test_a_file_in_write_ahead_mode_is_read_with_what_is_not_in_it_yet(tmp_path):
    path = fill(tmp_path / "shop.db")
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = wal")
    writer.execute("INSERT INTO customers VALUES (99, 'new', 'Oslo')")
    writer.commit()
    before = path.read_bytes()
    judge = judge_on(path)
    assert "new" in judge.check("SELECT name FROM customers WHERE id = 99").result
    judge.task.close()
    assert path.read_bytes() == before
    writer.close()


def test_a_recipe_names_the_file_beside_itself(tmp_path):
    fill(tmp_path / "shop.db")
    (tmp_path / "recipe.yaml").write_text(
        "name: shop\nteacher: {lessons: [lessons.jsonl]}\n"
        "task: {kind: sql, databases: {shop: {file: shop.db, notes: {orders.amount: euros}}}}\n"
    )
    task = build(load(tmp_path / "recipe.yaml"))
    assert "amount REAL, -- euros" in task.prompt(QUESTION).instructions
    assert task.check(QUESTION, "SELECT count(*) FROM orders").result == "1 rows: 60"
    task.close()
