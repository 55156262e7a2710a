"""The fields of a mapping, sorted by where they may be named and what may be asked of them."""

from dataclasses import dataclass, field

from thriftune.tasks.query_dsl.grammar.lark import literal, rule
from thriftune.tasks.query_dsl.grammar.values import kind_of, spelling
from thriftune.tasks.query_dsl.mapping import FieldType

EXACT = ("keyword", "number", "date", "boolean", "ip")  # kinds with values for terms, sorts and buckets
ORDERED = ("number", "date", "keyword", "ip")


@dataclass
class Scope:
    """The fields that may be named at one place: at the root, or within one nested object.

    Attributes:
        path: the nested object's name; `""` at the root.
        tag: what the names of its rules end with.
        inner: the scopes of the nested objects in it.
        terminals: name → definition of the terminals that were asked for.
    """

    path: str
    tag: str
    fields: dict[str, FieldType]
    inner: list["Scope"] = field(default_factory=list)
    terminals: dict[str, str] = field(default_factory=dict)

    def named(self, *kinds: str) -> list[str]:
        """Return the names of the fields of these kinds."""
        return [name for name, spec in self.fields.items() if kind_of(spec) in kinds]

    def field(self, *kinds: str) -> str | None:
        """Return a terminal for the name of a field of these kinds as a JSON string; None if there is no such field."""
        names = self.named(*kinds)
        return self._terminal("F", names, kinds) if names else None

    def keyed(self, *kinds: str) -> list[tuple[str, str]]:
        """Return (terminal for `"name":`, spelling of its values) for the fields of these kinds, one a spelling."""
        groups = self._by_spelling(kinds)
        return [(self._terminal("K", names, (*kinds, group), ":"), group) for group, names in groups.items()]

    def spelt(self, *kinds: str) -> list[tuple[str, str]]:
        """Return the same with terminals for names alone."""
        groups = self._by_spelling(kinds)
        return [(self._terminal("F", names, (*kinds, group)), group) for group, names in groups.items()]

    def _by_spelling(self, kinds: tuple[str, ...]) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {}
        for name in self.named(*kinds):
            groups.setdefault(spelling(self.fields[name]), []).append(name)
        return groups

    def exists(self) -> str | None:
        """Return a terminal for names of fields and of the objects that hold them."""
        names = self.with_objects()
        return self._terminal("F", names, ("objects",)) if names else None

    def with_objects(self) -> list[str]:
        """Return the names of fields, but not of nested ones, and of the plain objects that hold them."""
        names = [name for name, spec in self.fields.items() if spec.type != "nested"]
        parts = [name.split(".") for name in names]
        objects = {".".join(part[:end]) for part in parts for end in range(1, len(part))}
        above = {name for name in objects if f"{self.path}.".startswith(name + ".")}
        return [*names, *sorted(objects - above - set(self.fields))]

    def boosted(self) -> str:
        """Return a terminal for a field of text with an optional boost, such as `"title^3"`."""
        texts = " | ".join(literal(name) for name in self.named("text", "keyword"))
        terminal = f"B_{self.tag}".upper()
        self.terminals[terminal] = f'{terminal}: "\\"" ({texts}) /(\\^[1-9])?/ "\\""'
        return terminal

    def _terminal(self, letter: str, names: list[str], about: tuple[str, ...], end: str = "") -> str:
        words = "".join(character if character.isalnum() else "_" for character in "_".join(about))
        terminal = f"{letter}_{self.tag}_{words}".upper()
        self.terminals[terminal] = rule(terminal, (literal(literal(name) + end) for name in names))
        return terminal


def scopes_of(fields: dict[str, FieldType]) -> list[Scope]:
    """Return the scope of the root, then one for each nested object."""
    paths = ["", *(name for name, spec in fields.items() if spec.type == "nested")]
    scopes = {
        path: Scope(path, f"s{number}", {name: spec for name, spec in fields.items() if spec.nested == path})
        for number, path in enumerate(paths)
    }
    for path in paths[1:]:
        scopes[fields[path].nested].inner.append(scopes[path])
    return list(scopes.values())
