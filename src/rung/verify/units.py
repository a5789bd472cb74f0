"""Units and currencies beside a number, as what they may mean: `$` is any dollar, `pounds` are money or a weight."""

from __future__ import annotations

from collections.abc import Mapping

# A line: what is meant, then how it is written. Several meanings on one line are possible ones of the same writing.
_WRITTEN = """
USD CAD AUD NZD SGD HKD MXN = $
USD CAD AUD NZD SGD HKD = dollar
USD = us$ usd$
CAD = c$
AUD = a$
NZD = nz$
HKD = hk$
SGD = s$
BRL = r$ real reais
EUR = € euro
GBP = £ sterling
GBP lb = pound
JPY CNY = ¥
JPY = yen
CNY = yuan rmb
INR = ₹
INR PKR LKR = rs rupee
RUB = ₽ ruble rouble
KRW = ₩ won
ILS = ₪
VND = ₫
THB = ฿ baht
TRY = ₺ lira
UAH = ₴
PHP = ₱
SEK NOK DKK ISK = kr
PLN = zł zl
CZK = kč
CHF = fr sfr franc franken
ft HUF = ft
cent = ¢ cent ct
kg = kg kilo kilogram kilogramm
g = g gram gramm
mg = mg
µg = µg mcg
t = t ton tonne
lb = lb lbs
oz = oz ounce
km = km kilometer kilometre
m = m meter metre
cm = cm centimeter centimetre
mm = mm millimeter millimetre
mi = mi mile
yd = yd yard
ft = foot feet
in = inch inches
km² = km²
m² = m²
m³ = m³
cm² = cm²
ha = ha hectare
acre = acre
km/h = km/h kmh kph
mph = mph
m/s = m/s
l = l liter litre
ml = ml
cl = cl
gal = gal gallon
s = s sec second
ms = ms millisecond
min = min minute
h = h hr hour
day = day tag tage
week = week
month = month
year = year yr
°C = °c celsius
°F = °f fahrenheit
° = °
° °C °F = degree
W = w
kW = kw
MW = mw
Wh = wh
kWh = kwh
MWh = mwh
V = v
Hz = hz
MHz = mhz
GHz = ghz
kB = kb
MB = mb
GB = gb
TB = tb
B = byte
bit = bit
kcal = kcal
cal = cal
kJ = kj
"""
_CODES = (
    "USD CAD AUD NZD SGD HKD MXN BRL EUR GBP JPY CNY INR PKR LKR RUB KRW ILS VND THB TRY UAH PHP SEK NOK DKK ISK PLN CZK HUF CHF "
    "ZAR AED SAR EGP NGN KES ARS CLP COP PEN IDR MYR TWD RON BGN"
)
_LINES = [line.split(" = ") for line in _WRITTEN.strip().splitlines()]
UNITS: Mapping[str, frozenset[str]] = {
    **{code.casefold(): frozenset((code,)) for code in _CODES.split()},
    **{word: frozenset(meant.split()) for meant, written in _LINES for word in written.split()},
}
# Powers of ten, as exponents.
SCALES: Mapping[str, int] = {
    **dict.fromkeys(("thousand", "tausend", "tsd", "mil"), 3),
    **dict.fromkeys(("lakh", "lac", "lakhs"), 5),
    **dict.fromkeys(("million", "millions", "millionen", "mio", "mln", "mn", "millones", "milhões", "milioni"), 6),
    **dict.fromkeys(("crore", "crores"), 7),
    **dict.fromkeys(("billion", "billions", "bn", "bln", "milliarde", "milliarden", "milliard", "milliards", "mrd"), 9),
    **dict.fromkeys(("trillion", "trillions", "tn"), 12),
}
ATTACHED: Mapping[str, int] = {"k": 3, "K": 3, "M": 6, "B": 9}  # only where nothing stands between: `12k`, `$5M`
PERCENT = frozenset(("%", "percent", "pct", "prozent", "percentage"))
NONE: frozenset[str] = frozenset()


def unit_of(written: str) -> frozenset[str] | None:
    """What a unit may mean, as signs that are the same however it is written; None for a word that is no unit."""
    word = written.strip().strip(".").casefold().replace(" ", "").replace("º", "°").replace("μ", "µ")
    if word in UNITS:
        return UNITS[word]
    return UNITS.get(word[:-1]) if len(word) > 3 and word.endswith("s") else None
