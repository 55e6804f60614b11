"""Units of measurement, as they are written in headers and behind numbers."""

from __future__ import annotations

import re

_PREFIXES = "da|[YZEPTGMkhdcm\u00b5\u03bcunpfazy]"
_SCALED = """
m g s A K mol cd Hz N Pa J W C V F S T H lm lx Bq Gy Sv l L bar eV VA var VAr Ah Wh VAh varh VArh cal t
\u03a9 \u2126 ohm Ohm B bit bps
"""
_PLAIN = """
min h hr hrs d day days a yr year years sec secs second seconds minute minutes hour hours
° deg degree degrees rad mrad grad °C ℃ [dD]eg[_\\s]?C degreeC Celsius
°F ℉ [dD]eg[_\\s]?F Fahrenheit °K [dD]eg[_\\s]?K Kelvin
Nm mNm kNm psi psia psig ksi atm Torr torr mmHg inHg inH2O mmH2O mWC barg bara mbarg mbara
kg in inch ft yd mi mile miles nmi gal gpm GPM cfm CFM scfm SCFM lb lbs lbf oz hp HP PS BTU Btu
mph kph kmh kn knots rpm RPM rps r rev U % pct percent ‰ %RH %rh RH rh ppm ppb vol% Vol%
dB dBm dBA pH NTU FNU PSU psu lux Lux Volt Volts volt volts Amp Amps amp amps Watt Watts watt watts
Newton Pascal Joule meter meters metre metres pcs count counts Counts cts bool px el 1
"""
UNITS_OF_TIME = {"s", "sec", "secs", "ms", "us", "ns", "min", "h", "hr", "hrs", "d", "day", "days", "a", "yr"}
_ATOM = rf"(?:(?:{_PREFIXES})?(?:{'|'.join(_SCALED.split())})|{'|'.join(_PLAIN.split())})(?:\^?[-+]?\d|[²³⁻¹]+)?"
_UNIT = re.compile(rf"(?:{_ATOM})(?:\s?[/*·.]\s?\(?(?:{_ATOM})\)?|\s(?:{_ATOM}))*")
_NONE = {"-", "--", "", "none", "1", "n/a", "[-]"}
_TIME = re.compile(
    r"utc|gmt|local|local time|ts|rn|datetime|timestamp|iso ?8601|utc ?[+-]\d{1,2}(:?\d\d)?|hh:mm(:ss)?(\.f+|\.s+)?|"
    r"[ymd]{1,4}[-/. ][ymd]{1,4}[-/. ][ymd]{1,4}([ t]+h{1,2}:m{1,2}(:s{1,2})?([.,][fs]+)?)?",
    re.IGNORECASE,
)
_TYPES = {
    "double", "float", "float32", "float64", "real", "lreal", "single", "number", "numeric", "int", "int8", "int16",
    "int32", "int64", "integer", "uint", "uint8", "uint16", "uint32", "uint64", "long", "short", "byte", "word",
    "dword", "dint", "udint", "bool", "boolean", "string", "text", "char", "varchar", "object", "date", "datetime",
    "datetime64", "datetime64[ns]", "timestamp", "time", "tag", "field",
    "avg", "smp", "std", "max", "min", "tot", "wvc", "med", "mean", "sum", "count", "last", "first", "inst",
}  # fmt: skip


def is_unit(text: str) -> bool:
    """Whether a text is a unit such as "bar", "m³/h" or "[degC]"; not the mark for none."""
    text = _bare(text)
    return text not in _NONE and bool(_UNIT.fullmatch(text))


def are_units(cells: list[str]) -> bool:
    """Whether the cells of a row are units, or marks for none; the first ones may tell how times are written."""
    filled = [cell for cell in cells if _bare(cell).lower() not in _NONE]
    of_time = [cell for cell in filled if _TIME.fullmatch(_bare(cell))]
    return any(is_unit(cell) for cell in filled) and all(is_unit(cell) or cell in of_time for cell in filled)


def are_types(cells: list[str]) -> bool:
    """Whether the cells of a row are the types of its columns, or tell how values were aggregated."""
    filled = [_bare(cell).lower() for cell in cells if cell.strip()]
    return bool(filled) and all(cell in _TYPES or cell.startswith("datetime:") for cell in filled)


def unit_of(cell: str) -> str:
    """Return the unit in a cell of a row of units; "" for a mark for none."""
    bare = _bare(cell)
    return "" if bare.lower() in _NONE else bare


def _bare(text: str) -> str:
    """A unit without brackets around it."""
    text = text.strip()
    return text[1:-1].strip() if text[:1] + text[-1:] in ("[]", "()") else text
