"""One embedded engine with a small collection of films, and the task that judges on it."""

import json
from typing import NamedTuple

import pytest

from thriftune.records import Question
from thriftune.tasks.query_dsl import answers
from thriftune.tasks.query_dsl.collections import Collection
from thriftune.tasks.query_dsl.engine import embedded
from thriftune.tasks.query_dsl.mapping import fields_of
from thriftune.tasks.query_dsl.task import QueryDsl

NOW = "2014-01-01T00:00:00Z"
MAPPING = {
    "properties": {
        "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "genres": {"type": "keyword"},
        "year": {"type": "integer"},
        "votes": {"type": "long"},
        "stars": {"type": "byte"},
        "rating": {"type": "float"},
        "released": {"type": "date"},
        "added": {"type": "date", "format": "yyyy-MM-dd HH:mm:ss"},
        "colour": {"type": "boolean"},
        "path": {"type": "keyword"},
        "studio": {"properties": {"name": {"type": "keyword"}, "country": {"type": "keyword"}}},
        "cast": {
            "type": "nested",
            "properties": {
                "name": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
                "role": {"type": "keyword"},
                "age": {"type": "integer"},
            },
        },
        "labels": {"type": "flat_object"},
    }
}
# title | genres | year | votes | stars | rating | released | studio, country | cast: name/role/age; empty is missing
_ROWS = """
The Quiet Harbor|Drama|1998|1200|4|7.1|1998-03-14|Northlight,UK|Ann Lee/lead/31;Bo Ek/support/44
Harbor Lights|Drama,Romance|1999|800|3|6.4|1999-12-31|Northlight,UK|Ann Lee/lead/32
Night of the Crow|Horror|1999|4300|4|7.9|1999-10-29|Blackwood,USA|Cal Roe/lead/50;Dee Fox/support/23
Crow Returns|Horror,Thriller|2001|3900|2|4.8|2001-10-26|Blackwood,USA|Cal Roe/lead/52
The Last Crow|Horror|2004|1500|1|3.2|2004-10-29|Blackwood,USA|Dee Fox/lead/28
Silver Road|Western|2000|640|3|6.0|2000-01-01|Prairie,USA|Gus Hart/lead/61
Road to Nowhere|Drama,Western|2000|2210|5|8.3|2000-06-15|Prairie,USA|Gus Hart/support/61;Ivy Dale/lead/35
Nowhere Again|Comedy|2000|910|2||2000-12-31|Prairie,USA|Ivy Dale/lead/35
Blue Static|Science Fiction|2001|7600|5|8.8|2001-01-01|Orbit,Canada|Jon Park/lead/40
Static Dreams|Science Fiction,Drama|2003|5100|4|7.7|2003-05-09|Orbit,Canada|Jon Park/lead/42;Kay Moss/support/29
Dreams of Glass|Drama|2003|430|3|6.4||Orbit,Canada|Kay Moss/lead/29
Glass House|Thriller|2005|2750|4|7.1|2005-08-19|Meridian,France|Lou Blanc/lead/38
The Glass Bridge|Thriller,Drama|2005|1980|4|7.4|2005-02-28|Meridian,France|Lou Blanc/support/38;Ann Lee/lead/38
Bridge of Winter|War,Drama|2006|3320|5|8.1|2006-11-10|Meridian,France|Max Stern/lead/47
Winter Kitchen|Comedy,Romance|2006|1110|3|6.2|2006-12-22|Northlight,UK|Nia Cole/lead/33
Kitchen Wars|Comedy|2007|1110|3|5.9|2007-04-01|Northlight,UK|Nia Cole/lead/34;Bo Ek/support/53
War of Kites|War|2007|870|4||2007-09-14|Lotus,India|Om Rao/lead/45
Kites over Delhi|Drama,Romance|2008|6400|5|8.6|2008-01-25|Lotus,India|Om Rao/lead/46;Pia Sen/lead/30
Delhi Express|Action,Thriller|2008|5230|3|6.4|2008-07-11|Lotus,India|Pia Sen/lead/30
Express to Dawn|Action|2008|4890|2|5.1|2008-12-31|Orbit,Canada|Jon Park/lead/47
Dawn of Machines|Science Fiction,Action|2009|9100|4|7.8|2009-01-01|Orbit,Canada|Kay Moss/lead/35
Machines and Mothers|Comedy,Drama|2009|2300|4|7.2|2009-05-08|Meridian,France|Lou Blanc/lead/42
My Mother the Moon|Family|2010|1450|4|7.0|2010-02-12|Prairie,USA|Ivy Dale/lead/45
Moon Dust|Documentary|2010|310|5|8.4|2010-07-20||
Dust and Honey|Documentary|2010|290|4|7.9||Lotus,India|
Honey Trap|Thriller,Crime|2011|3760|2|4.9|2011-03-18|Blackwood,USA|Dee Fox/lead/35
The Trap|Crime|2011|3760|3|6.6|2011-03-18|Blackwood,USA|Cal Roe/support/62
Trap Door|Horror,Crime|2011|2040|2|5.0|2011-10-28|Blackwood,USA|Dee Fox/support/35;Cal Roe/lead/62
A Door in Oslo|Crime,Drama|2012|2980|5|8.2|2012-02-03|Fjord,Norway|Siv Dahl/lead/41
Oslo Nights|Romance|2012|760|3|6.3|2012-02-14|Fjord,Norway|Siv Dahl/lead/41;Tor Vik/lead/39
Nights without Snow|Drama|2012|1320|4|7.3|2012-11-30|Fjord,Norway|Tor Vik/lead/40
Snow Line|Action,Thriller|2013|4410|3|6.1|2013-01-01|Fjord,Norway|Tor Vik/support/41
The Line|Drama,War|2013|5550|5|8.5|2013-01-02|Meridian,France|Max Stern/lead/54
Borderline|Thriller|2013|1890|3|6.4|2013-07-01|Meridian,France|Max Stern/support/54
Border Song|Documentary,Music|2013|220|4|7.6|2013-12-31|Lotus,India|
Songs for Ann|Music,Drama|2014|980|4|7.1|2014-03-21|Northlight,UK|Ann Lee/lead/47
Ann and the Whale|Family,Adventure|2014|2640|4|7.5|2014-06-15|Northlight,UK|Nia Cole/support/41
Whale Road|Adventure|2014|2640||6.9||Prairie,USA|Gus Hart/lead/75
Untitled Fragment||||||||
The Long Now|Documentary|2002|150|3|6.7|2002-02-02|Orbit,Canada|
"""


def document(number: int, row: str) -> dict:
    title, genres, year, votes, stars, rating, released, studio, cast = row.split("|")
    fields = {
        "title": title,
        "genres": genres.split(",") if genres else None,
        "year": int(year) if year else None,
        "votes": int(votes) if votes else None,
        "stars": int(stars) if stars else None,
        "rating": float(rating) if rating else None,
        "released": released,
        "added": f"{released} 12:00:00" if released else None,
        "colour": number % 3 != 0,
        "path": f"/films/{number % 4}",
        "studio": dict(zip(("name", "country"), studio.split(","), strict=True)) if studio else None,
        "cast": [
            {"name": name, "role": role, "age": int(age)}
            for name, role, age in (person.split("/") for person in cast.split(";") if person)
        ],
        "labels": {"shelf": "ab"[number % 2]},
    }
    return {"_id": f"f{number}", **{key: value for key, value in fields.items() if value not in (None, "", [])}}


DOCUMENTS = [document(number, row) for number, row in enumerate(_ROWS.strip().splitlines())]
TITLES = {made["_id"]: made["title"] for made in DOCUMENTS}
QUESTION = Question(id="q", collection="films", text="which films?", meaning="q")


class Judge(NamedTuple):
    """The task with the question filled in; bodies are written as data or as text."""

    task: QueryDsl

    def __call__(self, gold, predicted):
        return self.task.judge(QUESTION, text(gold), text(predicted))

    def check(self, body):
        return self.task.check(QUESTION, text(body))


def text(body) -> str:
    return body if isinstance(body, str) else json.dumps(body)


@pytest.fixture(scope="session")
def engine():
    with embedded() as running:
        running.load("films", MAPPING, DOCUMENTS)
        yield running


@pytest.fixture(scope="session")
def films():
    return Collection(MAPPING, lambda: iter(DOCUMENTS), {}, NOW, "handmade")


@pytest.fixture(scope="session")
def fields():
    return fields_of(MAPPING)


@pytest.fixture(scope="session")
def task(engine, films):
    return QueryDsl(engine, engine, {"films": films})


@pytest.fixture(scope="session")
def judge(task):
    return Judge(task)


@pytest.fixture(scope="session")
def quick(engine, films):
    """Judges on the films alone, without boundary documents."""
    return Judge(QueryDsl(engine, engine, {"films": films}, robust=False))


@pytest.fixture(scope="session")
def ask(engine):
    """Run bodies on the films; return their answers."""

    def run(*bodies):
        replies = engine.search("films", [answers.request(body) for body in bodies])
        found = [answers.read(body, reply) for body, reply in zip(bodies, replies, strict=True)]
        return found[0] if len(found) == 1 else found

    return run
