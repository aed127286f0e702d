"""Physical units of registers. Blue Book 4.3.2, table "enumerated values for physical units".

Does not convert: a value keeps the unit its meter gave it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class Unit(IntEnum):
    """The unit octet of scaler_unit. `symbol` is how people write it; a plain count has none."""

    symbol: str

    def __new__(cls, code: int, symbol: str) -> Self:
        unit = int.__new__(cls, code)
        unit._value_ = code
        unit.symbol = symbol
        return unit

    YEAR = 1, "a"
    MONTH = 2, "mo"
    WEEK = 3, "wk"
    DAY = 4, "d"
    HOUR = 5, "h"
    MINUTE = 6, "min"
    SECOND = 7, "s"
    DEGREE = 8, "°"
    DEGREE_CELSIUS = 9, "°C"
    CURRENCY = 10, "currency"
    METRE = 11, "m"
    METRE_PER_SECOND = 12, "m/s"
    CUBIC_METRE = 13, "m³"
    CORRECTED_CUBIC_METRE = 14, "m³"
    CUBIC_METRE_PER_HOUR = 15, "m³/h"
    CORRECTED_CUBIC_METRE_PER_HOUR = 16, "m³/h"
    CUBIC_METRE_PER_DAY = 17, "m³/d"
    CORRECTED_CUBIC_METRE_PER_DAY = 18, "m³/d"
    LITRE = 19, "l"
    KILOGRAM = 20, "kg"
    NEWTON = 21, "N"
    NEWTON_METRE = 22, "Nm"
    PASCAL = 23, "Pa"
    BAR = 24, "bar"
    JOULE = 25, "J"
    JOULE_PER_HOUR = 26, "J/h"
    WATT = 27, "W"
    VOLT_AMPERE = 28, "VA"
    VAR = 29, "var"
    WATT_HOUR = 30, "Wh"
    VOLT_AMPERE_HOUR = 31, "VAh"
    VAR_HOUR = 32, "varh"
    AMPERE = 33, "A"
    COULOMB = 34, "C"
    VOLT = 35, "V"
    VOLT_PER_METRE = 36, "V/m"
    FARAD = 37, "F"
    OHM = 38, "Ω"
    RESISTIVITY = 39, "Ωm²/m"
    WEBER = 40, "Wb"
    TESLA = 41, "T"
    AMPERE_PER_METRE = 42, "A/m"
    HENRY = 43, "H"
    HERTZ = 44, "Hz"
    PULSE_PER_WATT_HOUR = 45, "1/Wh"
    PULSE_PER_VAR_HOUR = 46, "1/varh"
    PULSE_PER_VOLT_AMPERE_HOUR = 47, "1/VAh"
    VOLT_SQUARED_HOUR = 48, "V²h"
    AMPERE_SQUARED_HOUR = 49, "A²h"
    KILOGRAM_PER_SECOND = 50, "kg/s"
    SIEMENS = 51, "S"
    KELVIN = 52, "K"
    PULSE_PER_VOLT_SQUARED_HOUR = 53, "1/V²h"
    PULSE_PER_AMPERE_SQUARED_HOUR = 54, "1/A²h"
    PULSE_PER_CUBIC_METRE = 55, "1/m³"
    PERCENT = 56, "%"
    AMPERE_HOUR = 57, "Ah"
    WATT_HOUR_PER_CUBIC_METRE = 60, "Wh/m³"
    JOULE_PER_CUBIC_METRE = 61, "J/m³"
    MOLE_PERCENT = 62, "mol%"
    GRAM_PER_CUBIC_METRE = 63, "g/m³"
    PASCAL_SECOND = 64, "Pa·s"
    JOULE_PER_KILOGRAM = 65, "J/kg"
    GRAM_PER_SQUARE_CENTIMETRE = 66, "g/cm²"
    ATMOSPHERE = 67, "atm"
    DECIBEL_MILLIWATT = 70, "dBm"
    DECIBEL_MICROVOLT = 71, "dBµV"
    DECIBEL = 72, "dB"
    OTHER = 254, "other"
    COUNT = 255, ""


_BY_CODE = {int(unit): unit for unit in Unit}


def of_code(code: int) -> Unit | int:
    """The unit of a code; a code that the table does not have stays a number."""
    return _BY_CODE.get(code, code)
