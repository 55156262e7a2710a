"""The *films* collection: 3,000 real films from `bokeh-sampledata` (Wikidata, CC0).

The films with the most critics' reviews are taken, so that people know them. What the source does not know
stays missing (a release date of 1 January is a placeholder there and is dropped).
"""

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

from thriftune.demo.files import package_file

NAME = "films"
NOW = "2015-01-01T00:00:00Z"  # the youngest film is of 2014
MAPPING: dict[str, Any] = {
    "properties": {
        "title": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
        "year": {"type": "integer"},
        "released": {"type": "date"},
        "runtime": {"type": "integer"},
        "certificate": {"type": "keyword"},
        "genres": {"type": "keyword"},
        "directors": {"type": "keyword"},
        "writers": {"type": "keyword"},
        "cast": {"type": "keyword"},
        "countries": {"type": "keyword"},
        "languages": {"type": "keyword"},
        "studios": {"type": "keyword"},
        "awards": {"type": "text"},
        "oscars": {"type": "integer"},
        "box_office": {"type": "long"},
        "critic_score": {"type": "float"},
        "ratings": {
            "type": "nested",
            "properties": {
                "source": {"type": "keyword"},
                "score": {"type": "integer"},
                "reviews": {"type": "integer"},
            },
        },
    }
}
# What a mapping cannot say and a writer of queries must know; shown beside the field in the prompt.
NOTES = {
    "runtime": "minutes",
    "certificate": "G, PG, PG-13, R, NC-17",
    "genres": "Drama, Sci-Fi",
    "countries": "United Kingdom",
    "languages": "English",
    "studios": "Warner Bros. Entertainment",
    "awards": "Won 1 Oscar. Nominated for 2 Oscars.",
    "oscars": "won",
    "box_office": "US dollars",
    "critic_score": "0-10",
    "ratings.source": "metacritic, rotten_tomatoes",
    "ratings.score": "0-100",
}

# What people call the values: shown with a question that uses these names, and varied in variants of lessons.
SPOKEN: dict[str, dict[str, list[str]]] = {
    "genres": {
        "Animation": ["animated", "cartoon"], "Biography": ["biographical", "biopic"], "Comedy": ["funny"],
        "Crime": ["gangster"], "Documentary": ["documentaries"], "History": ["historical"], "Horror": ["scary"],
        "Romance": ["romantic", "love story"], "Sci-Fi": ["science fiction", "scifi"], "Sport": ["sporting"],
    },
    "countries": {
        "United States": ["American", "US", "USA", "America"], "United Kingdom": ["British", "UK", "Britain"],
        "France": ["French"], "Germany": ["German"], "Italy": ["Italian"], "Spain": ["Spanish"],
        "Canada": ["Canadian"], "Australia": ["Australian", "Aussie"], "Japan": ["Japanese"], "India": ["Indian"],
        "Ireland": ["Irish"], "Hong Kong": ["Hong Kong"], "South Korea": ["Korean", "South Korean", "Korea"],
        "People's Republic of China": ["Chinese", "China"], "New Zealand": ["New Zealand"], "Mexico": ["Mexican"],
        "Denmark": ["Danish"], "Sweden": ["Swedish"], "Belgium": ["Belgian"], "Switzerland": ["Swiss"],
        "Czech Republic": ["Czech"], "Austria": ["Austrian"], "Russia": ["Russian"], "Israel": ["Israeli"],
        "Iran": ["Iranian"], "Brazil": ["Brazilian"], "Argentina": ["Argentinian", "Argentine"],
        "Netherlands": ["Dutch"], "Norway": ["Norwegian"], "South Africa": ["South African"],
    },
    "ratings.source": {"metacritic": ["metascore"], "rotten_tomatoes": ["Rotten Tomatoes", "tomatometer"]},
}  # fmt: skip

_QUERY = """
select o.ID, Title, Year, o.Rating as certificate, Runtime, Genre, Released, Director, Writer, "Cast", Metacritic,
       Language, Country, Awards, Oscars, t.Rating as critic_score, Meter, Reviews, BoxOffice, Production
from omdb o join tomatoes t on t.ID = o.ID
order by Reviews desc, o.ID limit 3000
"""


def documents() -> Iterator[dict[str, Any]]:
    """Yield the films as documents with `_id`, most reviewed first."""
    path = package_file("bokeh-sampledata", "movies.db")
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        for row in connection.execute(_QUERY):
            document = _document(row)
            yield {key: value for key, value in document.items() if value not in (None, [], "")}
    finally:
        connection.close()


def _document(row: sqlite3.Row) -> dict[str, Any]:
    released = row["Released"]
    return {
        "_id": str(row["ID"]),
        "title": row["Title"],
        "year": row["Year"],
        "released": None if released.endswith("-01-01") else released,
        "runtime": _integer(row["Runtime"]),
        "certificate": row["certificate"],
        "genres": _names(row["Genre"]),
        "directors": _names(row["Director"]),
        "writers": _names(row["Writer"]),
        "cast": _names(row["Cast"]),
        "countries": _names(row["Country"]),
        "languages": _names(row["Language"]),
        "studios": _names(row["Production"]),
        "awards": row["Awards"],
        "oscars": row["Oscars"],
        "box_office": _integer(row["BoxOffice"]),
        "critic_score": row["critic_score"],
        "ratings": _ratings(row),
    }


def _ratings(row: sqlite3.Row) -> list[dict[str, Any]]:
    ratings: list[dict[str, Any]] = []
    if row["Meter"] is not None:
        ratings.append({"source": "rotten_tomatoes", "score": row["Meter"], "reviews": row["Reviews"]})
    if row["Metacritic"] is not None:
        ratings.append({"source": "metacritic", "score": row["Metacritic"]})
    return ratings


def _names(value: str | None) -> list[str]:
    return [name for name in re.split(r",\s+", value or "") if name]


def _integer(value: float | None) -> int | None:
    return None if value is None else round(value)
