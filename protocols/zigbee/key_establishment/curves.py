"""Arithmetic on the two Koblitz curves of smart energy: sect163k1 (suite 1) and sect283k1 (suite 2).

SEC 2 3.2.1 and 3.4.1 (domain parameters), SEC 1 2.3 (octet strings of points), FIPS 186 D.1.3. A field element is an integer
whose bits are the coefficients of a polynomial. Multiples of points: Solinas, Efficient arithmetic on Koblitz curves (2000).
TEST KEYS ONLY: time depends on the numbers, so a real key would leak. Libraries of the field dropped binary curves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from protocols.core.errors import RemoteProtocolError

_SPREAD: Final = bytes.maketrans(b"01", b"\x00\x01")
_GATHER: Final = bytes(48 + (octet & 1) for octet in range(256))
_SLOTS: Final = 255
"""Most partial products that the octet of one coefficient counts without a carry into its neighbour."""
_WINDOW: Final = 4


class InvalidPoint(RemoteProtocolError):
    """Octets that are no point of the curve, or one of small order."""


class Point(NamedTuple):
    """A point in affine coordinates; the point at infinity is None wherever one can occur."""

    x: int
    y: int


def _opposite(point: Point) -> Point:
    """The point that makes infinity with this one."""
    return Point(point.x, point.x ^ point.y)


def _polynomial(element: int) -> int:
    """The integer that has the bits of an element in the lowest bit of an octet each."""
    return int.from_bytes(format(element, "b").encode().translate(_SPREAD), "big")


def _gathered(product: int) -> int:
    """The reverse of `_polynomial`, for sums: the lowest bit of each octet."""
    return int(product.to_bytes(product.bit_length() + 7 >> 3 or 1, "big").translate(_GATHER), 2)


def _rounded(dividend: int, divisor: int) -> int:
    """A quotient, rounded to the nearest integer."""
    return (2 * dividend + divisor) // (2 * divisor)


class Curve:
    """y^2 + xy = x^3 + ax^2 + 1 over polynomials of degree below `m`, reduced by x^m + the powers of `reduction`."""

    def __init__(self, name: str, m: int, reduction: tuple[int, ...], a: int, order: int, cofactor: int, generator: Point) -> None:
        self.name = name
        self.m = m
        self.a = a
        self.order = order
        self.cofactor = cofactor
        self.generator = generator
        self.octets = (m + 7) // 8
        """Octets of a field element; a compressed point has one more."""
        self._mu = 1 if a else -1
        self._shifts = reduction
        self._mask = (1 << m) - 1
        self._modulus = 1 << m | sum(1 << power for power in reduction)

    def __repr__(self) -> str:
        return f"Curve({self.name!r})"

    @cached_property
    def scalar_octets(self) -> int:
        """Octets of a private key."""
        return (self.order.bit_length() + 7) // 8

    # --- the field

    def reduce(self, value: int) -> int:
        """The remainder of a product."""
        m, mask = self.m, self._mask
        while high := value >> m:
            value &= mask
            for shift in self._shifts:
                value ^= high << shift
        return value

    def multiply(self, one: int, other: int) -> int:
        """Product of two elements.

        The machine has no multiplication without carries, but one of long integers: with an octet for each coefficient the
        carries stay inside, as long as the shorter factor has no more than 255 of them.
        """
        factor, product = _polynomial(one), _polynomial(other)
        if one >> _SLOTS:
            half = 8 * (self.m // 2)
            product = (factor & (1 << half) - 1) * product ^ (factor >> half) * product << half
        else:
            product *= factor
        return self.reduce(_gathered(product))

    def square(self, element: int) -> int:
        """Square of an element: its coefficients, moved apart."""
        return self.reduce(int(format(element, "b"), 4))

    def inverse(self, element: int) -> int:
        """The element that makes one of this one, which is not zero. Extended Euclid."""
        u, v, g1, g2 = element, self._modulus, 1, 0
        while u != 1:
            shift = u.bit_length() - v.bit_length()
            if shift < 0:
                u, v, g1, g2, shift = v, u, g2, g1, -shift
            u ^= v << shift
            g1 ^= g2 << shift
        return self.reduce(g1)

    def _half_trace(self, element: int) -> int:
        """A solution z of z^2 + z = element, where there is one. SEC 1 2.3.4, for odd m."""
        total = term = element
        for _ in range((self.m - 1) // 2):
            term = self.square(self.square(term))
            total ^= term
        return total

    # --- points

    def contains(self, point: Point) -> bool:
        """Whether a point is on the curve."""
        x, y = point
        x_squared = self.square(x)
        return self.square(y) ^ self.multiply(x, y) == self.multiply(x_squared, x ^ self.a) ^ 1

    def add(self, one: Point | None, other: Point | None) -> Point | None:
        """Sum of two points."""
        if one is None or other is None:
            return one or other
        if one.x == other.x:
            if one.y != other.y or one.x == 0:
                return None
            slope = one.x ^ self.multiply(one.y, self.inverse(one.x))
            x = self.square(slope) ^ slope ^ self.a
            return Point(x, self.square(one.x) ^ self.multiply(slope ^ 1, x))
        slope = self.multiply(one.y ^ other.y, self.inverse(one.x ^ other.x))
        x = self.square(slope) ^ slope ^ one.x ^ other.x ^ self.a
        return Point(x, self.multiply(slope, one.x ^ x) ^ x ^ one.y)

    def times(self, scalar: int, point: Point | None) -> Point | None:
        """A point added to itself so many times; `scalar` is not negative. Any point of the curve will do.

        Squaring both coordinates is a multiplication by tau, a root of t^2 = mu t - 2. So the scalar is written in powers of
        tau, and squarings take the place of doublings. To the power m tau is 1: at most about so many digits. They are the odd
        numbers below 8, or what is left of them over tau^4, and zeros: four times of five.
        """
        if point is None:
            return None
        few: dict[int, Point | None] = {}
        for digit, rest in self._rests.items():
            few[digit] = found = self._sum(self._digits(*rest, 2), {1: point, -1: _opposite(point)})
            few[-digit] = found and _opposite(found)
        count = self.order * self.cofactor  # points of the curve, which is the norm of tau^m - 1
        return self._sum(self._digits(*self._remainder(scalar, *self._period, count), _WINDOW), few)

    def _sum(self, digits: Sequence[int], points: Mapping[int, Point | None]) -> Point | None:
        """What digits to the base tau make of a point, if a digit by itself makes one of `points` of it."""
        total: Point | None = None
        for digit in digits:
            if total is not None:
                total = Point(self.square(total.x), self.square(total.y))
            if digit:
                total = self.add(total, points[digit])
        return total

    def _digits(self, whole: int, part: int, window: int) -> list[int]:
        """The digits to the base tau of a whole number and a multiple of tau, highest first; of any `window` neighbours one is
        no zero at most. Solinas 2000, algorithms 1 and 4.
        """
        mu, size = self._mu, 1 << window
        rests = self._rests if window == _WINDOW else {1: (1, 0)}
        tau = next(root for root in range(0, size, 2) if (root * root - mu * root + 2) % size == 0)
        digits = []
        while whole or part:
            digit = 0
            if whole & 1:
                digit = (whole + part * tau + size // 2) % size - size // 2
                sign = 1 if digit > 0 else -1
                rest = rests[sign * digit]
                whole, part = whole - sign * rest[0], part - sign * rest[1]
            digits.append(digit)
            half = whole >> 1
            whole, part = part + mu * half, -half
        return digits[::-1]

    def _remainder(self, number: int, whole: int, part: int, norm: int) -> tuple[int, int]:
        """What is left of a number over a whole number and a multiple of tau, in that form too. Solinas 2000, routine 60."""
        mu = self._mu
        one, other = _rounded(number * (whole + mu * part), norm), _rounded(-number * part, norm)
        return number - one * whole + 2 * other * part, -one * part - other * whole - mu * other * part

    def _power(self, exponent: int) -> tuple[int, int]:
        """A power of tau, as a whole number and a multiple of tau."""
        whole, part = 1, 0
        for _ in range(exponent):
            whole, part = -2 * part, whole + self._mu * part
        return whole, part

    @cached_property
    def _rests(self) -> dict[int, tuple[int, int]]:
        """What is left over tau to the power of the window, of each odd number that a digit can be."""
        size = 1 << _WINDOW
        return {digit: self._remainder(digit, *self._power(_WINDOW), size) for digit in range(1, size // 2, 2)}

    @cached_property
    def _period(self) -> tuple[int, int]:
        """tau^m - 1."""
        whole, part = self._power(self.m)
        return whole - 1, part

    # --- octets

    def encode(self, point: Point) -> bytes:
        """A point in compressed form: 02 or 03, then x."""
        sign = self.multiply(point.y, self.inverse(point.x)) & 1 if point.x else 0
        return bytes((2 | sign,)) + point.x.to_bytes(self.octets, "big")

    def decode(self, data: bytes) -> Point:
        """The point of a compressed form. Raises InvalidPoint: another length or form, off the curve, of small order."""
        if len(data) != self.octets + 1 or data[0] not in (2, 3):
            raise InvalidPoint(f"{self.name}: a compressed point has {self.octets + 1} octets and begins with 02 or 03")
        x = int.from_bytes(data[1:], "big")
        if x.bit_length() > self.m:
            raise InvalidPoint(f"{self.name}: a coordinate of {x.bit_length()} bits")
        if x == 0:
            raise InvalidPoint(f"{self.name}: a point of order 2")
        wanted = x ^ self.a ^ self.square(self.inverse(x))
        z = self._half_trace(wanted)
        if self.square(z) ^ z != wanted:
            raise InvalidPoint(f"{self.name}: no point has this coordinate")
        point = Point(x, self.multiply(x, z ^ (z & 1) ^ (data[0] & 1)))
        if self.times(self.cofactor, point) is None:
            raise InvalidPoint(f"{self.name}: a point of small order")
        return point


SECT163K1: Final = Curve(
    "sect163k1",
    163,
    (7, 6, 3, 0),
    1,
    0x04000000000000000000020108A2E0CC0D99F8A5EF,
    2,
    Point(0x02FE13C0537BBC11ACAA07D793DE4E6D5E5C94EEE8, 0x0289070FB05D38FF58321F2E800536D538CCDAA3D9),
)
SECT283K1: Final = Curve(
    "sect283k1",
    283,
    (12, 7, 5, 0),
    0,
    0x01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFE9AE2ED07577265DFF7F94451E061E163C61,
    4,
    Point(
        0x0503213F78CA44883F1A3B8162F188E553CD265F23C1567A16876913B0C2AC2458492836,
        0x01CCDA380F1C9E318D90F95D07E5426FE87E45C0E8184698E45962364E34116177DD2259,
    ),
)
