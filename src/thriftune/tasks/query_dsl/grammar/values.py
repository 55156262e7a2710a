"""How values are spelt: terminals by type of field, as `tidy` writes them (no spaces, no needless zeros)."""

from thriftune.tasks.query_dsl.mapping import FieldType

_DIGITS = {"byte": 2, "short": 4, "integer": 9, "long": 15, "unsigned_long": 15}  # so many fit, whatever they are
_REALS = {"float", "double", "half_float", "scaled_float"}
_KEYWORDS = {"keyword", "constant_keyword", "wildcard", "version"}
_TEXTS = {"text", "match_only_text", "search_as_you_type"}

TERMINALS = r"""
STR: /"([^"\\\x00-\x1F]|\\["\\bfnrt]){0,120}"/
ID: /"([^"\\\x00-\x1F]|\\["\\bfnrt]){1,120}"/
BOOL: "true" | "false"
REAL: /0|-?[1-9][0-9]{0,8}|-?(0|[1-9][0-9]{0,8})\.(0|[0-9]{0,3}[1-9])/
HALF: /0|-?[1-9][0-9]{0,3}|-?(0|[1-9][0-9]{0,3})\.(0|[0-9][1-9]?|[1-9])/
COUNT: /0|[1-9][0-9]{0,3}/
POSITIVE: /[1-9][0-9]{0,8}/
SIZE: /0|[1-9][0-9]{0,2}|1000/
FROM: /0|[1-9][0-9]{0,2}|[1-8][0-9]{3}|9000/
LARGE: /100[1-9]|10[1-9][0-9]|1[1-9][0-9]{2}|[2-9][0-9]{3}|10000/
YEAR: /(1[5-9]|2[01])[0-9]{2}/
MONTH: YEAR /-(0[1-9]|1[0-2])/
DAY: YEAR /-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))/
  | /((1[5-9]|2[01])(0[48]|[2468][048]|[13579][26])|1600|2000)-02-29/
CLOCK: /([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]/
TIME: /T([01][0-9]|2[0-3])(:[0-5][0-9](:[0-5][0-9](\.[0-9]{3})?)?)?(Z|[+-](0[0-9]|1[0-3]):[03]0)?/
STEPS: /([-+][1-9][0-9]{0,2}[yMwdhms]){1,2}(\/[yMwdhms])?|\/[yMwdhms]/
MOMENT: YEAR | MONTH | DAY TIME?
MATH: "now" STEPS?
DATE: "\"" (MATH | MOMENT ("||" STEPS)?) "\""
DATE_DAY: "\"" (MATH | DAY ("||" STEPS)?) "\""
DATE_YEAR: "\"" (MATH | YEAR ("||" STEPS)?) "\""
DATE_SPACED: "\"" (MATH | DAY " " CLOCK ("||" STEPS)?) "\""
DATE_BASIC: "\"" (MATH | /(1[5-9]|2[01])[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])/) "\""
SECONDS: /[1-9][0-9]{8,9}/
MILLIS: /[1-9][0-9]{8,12}/
ZONE: /"[-+](0[0-9]|1[0-3]):00"/
IP: /"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}"/
LAT: /-?([1-8]?[0-9])(\.([0-9]{0,5}[1-9]|0))?/
LON: /-?(1[0-7][0-9]|[1-9]?[0-9])(\.([0-9]{0,5}[1-9]|0))?/
DISTANCE: /"[1-9][0-9]{0,4}(\.[0-9]{1,2})?(km|mi|m|nmi|ft|yd)"/
UNIT: /"(km|mi|m|nmi|ft|yd)"/
NAME: /"[A-Za-z0-9_][A-Za-z0-9_ -]{0,47}":/
PERCENT: /[1-9]?[0-9](\.[0-9]?[1-9])?|100/
CALENDAR: /"(minute|hour|day|week|month|quarter|year|1m|1h|1d|1w|1M|1q|1y)"/
FIXED: /"[1-9][0-9]{0,2}[dhm]"/
AND_OR: "\"and\"" | "\"or\""
DIR: "\"asc\"" | "\"desc\""
AT_LEAST: /-?[1-9]|"-?[1-9]"|"-?(100|[1-9][0-9]?)%"/
FUZZINESS: "\"AUTO\"" | "\"auto\"" | /[0-2]/ | /"[0-2]"/
"""
_FORMATS = {
    "": ("DATE", "MILLIS"),
    "strict_date_optional_time": ("DATE",),
    "date_optional_time": ("DATE",),
    "strict_date_optional_time_nanos": ("DATE",),
    "strict_date": ("DATE_DAY",),
    "date": ("DATE_DAY",),
    "yyyy-MM-dd": ("DATE_DAY",),
    "yyyy": ("DATE_YEAR",),
    "yyyy-MM-dd HH:mm:ss": ("DATE_SPACED",),
    "yyyyMMdd": ("DATE_BASIC",),
    "basic_date": ("DATE_BASIC",),
    "epoch_millis": ("MILLIS",),
    "epoch_second": ("SECONDS",),
}


def kind_of(field: FieldType) -> str:
    """Return what may be asked of a field: keyword, text, number, date, boolean, ip, geo, nested or other."""
    groups = {"keyword": _KEYWORDS, "text": _TEXTS, "number": {*_DIGITS, *_REALS}, "date": {"date", "date_nanos"}}
    found = [name for name, types in groups.items() if field.type in types]
    plain = {"boolean": "boolean", "ip": "ip", "geo_point": "geo", "nested": "nested"}
    return found[0] if found else plain.get(field.type, "other")


def spelling(field: FieldType) -> str:
    """Return the Lark expression of the field's values; a date in a format not known here is any string."""
    if field.type in _DIGITS:
        return f"WHOLE_{field.type.upper()}"
    if kind_of(field) == "date":
        parts = [_FORMATS.get(part, ("STR",)) for part in field.format.split("||")]
        found = dict.fromkeys(terminal for part in parts for terminal in part)
        return "STR" if "STR" in found else "(" + " | ".join(found) + ")" if len(found) > 1 else next(iter(found))
    plain = {"number": "REAL", "boolean": "BOOL", "ip": "IP"}
    return "HALF" if field.type == "half_float" else plain.get(kind_of(field), "STR")


def terminals() -> str:
    """Return the definitions of all terminals for values."""
    whole = [
        f"WHOLE_{name.upper()}: /0|{'' if name == 'unsigned_long' else '-?'}[1-9][0-9]{{0,{digits - 1}}}/"
        for name, digits in _DIGITS.items()
    ]
    return TERMINALS + "\n".join(whole) + "\n"
