"""A small shop as an SQLite file, with what real schemas have: keys, references, a view, odd names, gaps."""

import sqlite3
from typing import NamedTuple

import pytest

from thriftune.recipe import Database as Settings
from thriftune.records import Question
from thriftune.tasks.sql.sources import read
from thriftune.tasks.sql.task import Source, Sql

QUESTION = Question(id="q", collection="shop", text="which orders?", meaning="q")
SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city VARCHAR(30));
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers(id), day TEXT,
    state TEXT, amount REAL, items INTEGER, doubled INTEGER GENERATED ALWAYS AS (items * 2));
CREATE TABLE "order details" ("group" TEXT, [unit price] REAL);
CREATE VIEW paid AS SELECT * FROM orders WHERE state = 'paid';
"""


def fill(path):
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    cities = ["Oslo", "Bergen", None, "Turku"]
    connection.executemany(
        "INSERT INTO customers VALUES (?, ?, ?)", [(n, f"c{n}", cities[n % 4]) for n in range(1, 13)]
    )
    orders = [
        (n, n % 12 + 1, f"2024-0{n % 9 + 1}-1{n % 10}", ["open", "paid", "void"][n % 3], 10.5 * (n % 7), n % 5 or None)
        for n in range(1, 61)
    ]
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", orders)
    connection.executemany('INSERT INTO "order details" VALUES (?, ?)', [("a", 1.5), ("b", 2.0)])
    connection.commit()
    connection.close()
    return path


class Judge(NamedTuple):
    """The task with the question filled in."""

    task: Sql

    def __call__(self, gold, predicted):
        return self.task.judge(QUESTION, gold, predicted)

    def check(self, query):
        return self.task.check(QUESTION, query)


def judge_on(path, timeout_seconds=10.0, **settings):
    database, source_id = read("shop", Settings(file=path), timeout_seconds)
    return Judge(Sql({"shop": Source(database, {}, source_id)}, timeout_seconds=timeout_seconds, **settings))


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("sql") / "shop.db")


@pytest.fixture(scope="session")
def judge(shop):
    made = judge_on(shop)
    yield made
    made.task.close()


@pytest.fixture(scope="session")
def hasty(shop):
    """Gives a query a fifth of a second."""
    made = judge_on(shop, 0.2)
    yield made
    made.task.close()
