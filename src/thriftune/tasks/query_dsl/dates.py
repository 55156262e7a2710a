"""Dates in bodies: the fixed moment that `now` means, and the moment that a literal with date math means."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

_BOUNDS = {"gt", "gte", "lt", "lte", "from", "to"}
_STEP = r"(?:[-+]\d*[yMwdhHms]|/[yMwdhHms])"
_NOW = re.compile(rf"now({_STEP}*)")
_ANCHORED = re.compile(rf"(.+?)(?:\|\|({_STEP}*))?")
_FORMAT = "strict_date_optional_time"
_SPELT = {"yyyy-MM-dd": "%Y-%m-%d", "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S", "yyyyMMdd": "%Y%m%d", "yyyy": "%Y"}
_LENGTHS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "H": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_KEPT = {"y": 4, "M": 7, "w": 10, "d": 10, "h": 13, "H": 13, "m": 16, "s": 19}  # characters of the ISO text


def is_date_math(text: str) -> bool:
    """Tell whether the text reckons with dates: `now-1d/d`, `2020-01-01||+1M`."""
    return bool(_NOW.fullmatch(text) or re.search(rf"\|\|{_STEP}", text))


def freeze(value: Any, now: str | None, formats: dict[str, str] | None = None, key: str = "") -> Any:
    """Replace `now` in date math by a fixed date, so that gold and prediction mean the same moment on any day.

    The word alone is a date only as a bound of a range; in a text it is a word.

    Args:
        formats: date formats of the fields that have their own. A range takes a format, so the default one is added
            to it; any other clause wants the fixed date in the field's own, if that is known here.
        key: what the value stands under.
    """
    if now is None:
        return value
    if isinstance(value, str):
        spelt = _SPELT.get((formats or {}).get(key, ""))
        moment_of_now = datetime.fromisoformat(now).strftime(spelt) if spelt else now
        return _fixed(value, moment_of_now, alone=key in _BOUNDS)
    if isinstance(value, list):
        return [freeze(item, now, formats, key) for item in value]
    if not isinstance(value, dict):
        return value
    frozen = {inner: freeze(item, now, formats, key if inner == "value" else inner) for inner, item in value.items()}
    if frozen != value and value.keys() & {*_BOUNDS, "ranges"}:
        own = value.get("format") or (formats or {}).get(str(value.get("field", key)))
        if isinstance(own, str):
            frozen["format"] = f"{own}||{_FORMAT}"
    return frozen


def moment(literal: Any) -> datetime | None:
    """Return the moment that a date literal means, in UTC without a zone; None where it is not understood.

    Understood: ISO dates, years, months, milliseconds since 1970, each with date math after `||`.
    """
    found = _ANCHORED.fullmatch(str(literal))
    if not found:
        return None
    try:
        return _reckoned(_anchor(found[1]), found[2] or "")
    except (ValueError, OverflowError):
        return None


def _anchor(text: str) -> datetime:
    if re.fullmatch(r"-?\d{9,}", text):
        return datetime(1970, 1, 1) + timedelta(milliseconds=int(text))
    text += {4: "-01-01", 7: "-01"}.get(len(text), "")
    date = datetime.fromisoformat(text)
    return date.astimezone(UTC).replace(tzinfo=None) if date.tzinfo else date


def _reckoned(date: datetime, math: str) -> datetime:
    for sign, number, unit in re.findall(r"([-+/])(\d*)([yMwdhHms])", math):
        count = int(number or 1) * (-1 if sign == "-" else 1)
        if sign == "/":
            date = _floor(date, unit)
        elif unit in _LENGTHS:
            date += count * _LENGTHS[unit]
        else:
            date = _months_later(date, count * (12 if unit == "y" else 1))
    return date


def _floor(date: datetime, unit: str) -> datetime:
    if unit == "w":
        date -= timedelta(days=date.weekday())
    kept = _KEPT[unit]
    return datetime.fromisoformat(date.isoformat()[:kept] + "0001-01-01T00:00:00"[kept:])


def _months_later(date: datetime, count: int) -> datetime:
    months = date.year * 12 + date.month - 1 + count
    first = date.replace(year=months // 12, month=months % 12 + 1, day=1)
    last_day = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(date.day, last_day.day))


def _fixed(text: str, now: str, alone: bool) -> str:
    found = _NOW.fullmatch(text)
    if not found or not (found[1] or alone):
        return text
    return f"{now}||{found[1]}" if found[1] else now
