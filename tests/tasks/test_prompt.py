"""What a prompt shows of an index, and what it leaves out when it must."""

from hypothesis import given
from hypothesis import strategies as st

from thriftune.records import Question
from thriftune.tasks.query_dsl.prompt import lines_of, render, values_of

MAPPING = {
    "properties": {
        "status": {"type": "keyword"},
        "customer": {"properties": {"name": {"type": "keyword"}, "city": {"type": "keyword"}}},
        "shippedAt": {"type": "date"},
        "price": {"type": "float"},
    }
}
DOCUMENTS = [
    {"status": ["open", "late"][n % 2], "customer": {"name": f"Customer {n // 2}", "city": "Oslo"}} for n in range(40)
]


def lines(notes: dict[str, str] | None = None) -> dict[str, str]:
    return lines_of(MAPPING, notes or {}, values_of(MAPPING, DOCUMENTS))


def test_few_values_are_all_shown_and_many_by_two():
    assert lines()["status"] == "status keyword: late, open"
    assert lines()["customer.name"] == "customer.name keyword: Customer 0, Customer 1"
    assert lines()["price"] == "price float"


def test_a_note_says_it_better():
    assert lines({"status": "open until paid"})["status"] == "status keyword: open until paid"


def test_everything_is_shown_where_it_fits():
    text = render("orders", lines(), "2026-01-02T00:00:00Z", "any", 1500)
    assert text.splitlines()[1:] == ["Index orders, now 2026-01-02", *lines().values()]


def test_under_a_small_budget_the_fields_a_question_needs_are_kept():
    full = lines_of(
        {"properties": {f"field_{n}": {"type": "keyword"} for n in range(500)} | MAPPING["properties"]}, {}, {}
    )
    text = render("orders", full, None, "orders shipped after May to customers in a city, by price", 100)
    for kept in ("shippedAt date", "customer.city keyword", "price float"):
        assert kept in text.splitlines()
    assert len(text) <= 100 * 3.5 < len("\n".join(full.values()))


@given(st.text(max_size=80), st.integers(1, 300))
def test_the_budget_holds_for_any_question_and_the_order_is_the_mappings(question, tokens):
    shown = render("orders", lines(), None, question, tokens).splitlines()
    assert len("\n".join(shown[2:])) <= tokens * 3.5
    assert [line for line in lines().values() if line in shown] == shown[2:]


def test_the_task_shows_values_of_its_documents(task):
    text = task.prompt(Question(id="q", collection="films", text="?", meaning="q")).instructions
    assert "studio.country keyword: " in text and "Canada" in text
