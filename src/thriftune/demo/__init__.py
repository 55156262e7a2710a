"""The demo domain: two collections of real documents and the lessons written for them."""

from types import ModuleType

from thriftune.demo import films, flights

COLLECTIONS: dict[str, ModuleType] = {films.NAME: films, flights.NAME: flights}
