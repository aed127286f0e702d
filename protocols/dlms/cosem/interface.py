"""What every COSEM interface class is made of: numbered attributes and methods, declared as the Blue Book tables them.

    class Register(InterfaceClass, id=3, version=0):
        value: Attribute = attribute(2)
        scaler_unit: Attribute = attribute(3, SCALER_UNIT)

        @method(1, I8)
        def reset(self, argument: Data) -> None: ...

    Register("1-0:1.8.0", value=lambda: axdr.u32(energy()), scaler_unit=(0, Unit.WATT_HOUR))

Blue Book 4.1, 4.2. An object knows nothing of services, sessions or clients: who calls `read`, `write` and `invoke` has
checked the rights. An attribute holds tagged data, or is bound to a function that is asked at each reading. Whoever wants
to know of changes watches an object; what a bound attribute will give next nobody can know, so its owner says `changed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, Self, TypeAlias, dataclass_transform, overload

from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.types import ANY, LOGICAL_NAME, Plain, Type, same_type
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

Source: TypeAlias = "Plain | Callable[[], Plain]"
"""What an attribute is given: a value, or a function that gives the value of the moment."""

Hook: TypeAlias = "Callable[[Data], Data | None]"
"""Called with the value a client writes, or a method's argument. It raises AccessError to refuse, and then nothing has
changed. What it returns is a method's return value."""

Watcher: TypeAlias = "Callable[[InterfaceClass, Attribute | Method], object]"
"""Told of a change that has happened: the object, and the attribute that was given a value or the method that was done."""

DECLARED: Final[dict[tuple[int, int], type[InterfaceClass]]] = {}
"""Every declared class by (class id, version); the first declaration stands where a device makes a kind of its own."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_ZERO = axdr.i8(0)
_REQUIRED: Any = object()


class Attribute:
    """A declared attribute: its number, name and type, and what clients may do with it unless an object says else."""

    __slots__ = ("access", "default", "name", "number", "selectors", "type")

    def __init__(self, number: int, type: Type, default: Plain, access: Access, selectors: tuple[int, ...]) -> None:
        self.number = number
        self.type = type
        self.default = default if default is _REQUIRED or callable(default) else type.of(default)  # one for all objects
        self.access = access
        self.selectors = selectors
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: InterfaceClass, owner: type) -> Data: ...
    def __get__(self, instance: InterfaceClass | None, owner: type) -> Self | Data:
        return self if instance is None else instance.read(self.number)

    def __set__(self, instance: InterfaceClass, source: Source) -> None:
        instance.sources[self.number] = source if callable(source) else self.type.of(source)
        instance.changed(self)


class Method:
    """A declared method: its number, name and argument type, and the class's own rule when it has one."""

    __slots__ = ("argument", "name", "number", "rule")

    def __init__(self, number: int, argument: Type) -> None:
        self.number = number
        self.argument = argument
        self.name = ""
        self.rule: Callable[[Any, Data], Data | None] | None = None

    def __call__(self, rule: Callable[[Any, Data], Data | None]) -> Method:
        self.rule = rule
        return self

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: InterfaceClass, owner: type) -> Callable[..., Data | None]: ...
    def __get__(self, instance: InterfaceClass | None, owner: type) -> Self | Callable[..., Data | None]:
        if instance is None:
            return self
        return lambda argument=_ZERO: instance.invoke(self.number, argument)


def attribute(
    number: int,
    type: Type = ANY,
    *,
    default: Plain = _REQUIRED,
    access: Access = Access.READ,
    selectors: tuple[int, ...] = (),
    kw_only: bool = True,
) -> Any:
    """Declare an attribute. Without a default, its value must be given when an object is made.

    `selectors`: the access selectors that the class's `select` knows for it. `kw_only` speaks to type checkers.
    """
    return Attribute(number, type, default, access, selectors)


def method(number: int, argument: Type = ANY) -> Method:
    """Declare a method: a decorator of the class's rule, or an assignment where only a hook can carry it out."""
    return Method(number, argument)


@dataclass_transform(kw_only_default=True, field_specifiers=(attribute,))
class InterfaceMeta(type):
    """Tells type checkers that annotated attributes are the constructor's arguments."""


class InterfaceClass(metaclass=InterfaceMeta):
    """Base of every interface class.

    `on`: hooks by name: of an attribute, called before a client's write; of a method, called before the class's rule.
    `access`: by name of an attribute, where this object differs from what its class declares.
    """

    logical_name: Attribute = attribute(1, LOGICAL_NAME, kw_only=False)
    on: Mapping[str, Hook] = _NOTHING
    access: Mapping[str, Access] = _NOTHING

    class_id: ClassVar[int] = 0
    version: ClassVar[int] = 0
    attributes: ClassVar[dict[int, Attribute]] = {}
    methods: ClassVar[dict[int, Method]] = {}

    def __init_subclass__(cls, id: int, version: int) -> None:
        cls.class_id = id
        cls.version = version
        members = [vars(base)[name] for base in reversed(cls.__mro__) for name in vars(base)]
        cls.attributes = {member.number: member for member in members if isinstance(member, Attribute)}
        cls.methods = {member.number: member for member in members if isinstance(member, Method)}
        if id:
            DECLARED.setdefault((id, version), cls)

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        on: Mapping[str, Hook] = _NOTHING,
        access: Mapping[str, Access] = _NOTHING,
        **given: Source,
    ) -> None:
        self.name = Obis(logical_name)
        self.sources: dict[int, Data | Callable[[], Plain]] = {}
        self.watchers: tuple[Watcher, ...] = ()
        self.on = on
        self.access = access
        self.logical_name = self.name
        for member in self.attributes.values():
            if member.number == 1:
                continue
            source = given.pop(member.name, member.default)
            if source is _REQUIRED:
                raise LocalProtocolError(f"{self!r} needs a value for {member.name}")
            setattr(self, member.name, source)
        known = {member.name for member in self.attributes.values()} | {member.name for member in self.methods.values()}
        if unknown := sorted((given.keys() | on.keys() | access.keys()) - known):
            raise LocalProtocolError(f"{self!r} has no {', '.join(unknown)}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.name}')"

    def read(self, number: int, selection: SelectiveAccess | None = None) -> Data:
        """The value of an attribute. Raises AccessError."""
        source = self.sources.get(number)
        if source is None:
            raise AccessError(DataAccessResult.READ_WRITE_DENIED)
        if selection is not None:
            return self.select(number, selection)
        return source if isinstance(source, Data) else self.attributes[number].type.of(source())

    def encode(self, number: int, selection: SelectiveAccess | None = None) -> Iterable[bytes]:
        """The octets of `read`, piece by piece, for an answer that is sent in blocks. Raises AccessError before the first."""
        return (self.read(number, selection).build(),)

    def select(self, number: int, selection: SelectiveAccess) -> Data:
        """The part of an attribute that a selective access names. Classes with selectors redefine this."""
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)

    def write(self, number: int, value: Data, selection: SelectiveAccess | None = None) -> None:
        """Put a client's value into an attribute: all of it, or AccessError and nothing."""
        member = self.attributes.get(number)
        if member is None:
            raise AccessError(DataAccessResult.READ_WRITE_DENIED)
        if selection is not None:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        hook = self.on.get(member.name)
        bound = callable(self.sources[number])
        if bound and hook is None:
            raise AccessError(DataAccessResult.READ_WRITE_DENIED)
        member.type.admit(value)
        if member.type is ANY and not same_type(self.read(number), value):
            raise AccessError(DataAccessResult.TYPE_UNMATCHED)
        if hook is not None:
            hook(value)
        if not bound:
            self.sources[number] = value
        self.changed(member)

    def invoke(self, number: int, argument: Data) -> Data | None:
        """Carry out a method; its return value. Raises AccessError, and then nothing has changed."""
        member = self.methods.get(number)
        if member is None or not self.carries_out(number):
            raise AccessError(DataAccessResult.READ_WRITE_DENIED)
        member.argument.admit(argument)
        hook = self.on.get(member.name)
        returned = hook(argument) if hook is not None else None
        if member.rule is not None:
            returned = member.rule(self, argument) or returned
        self.changed(member)
        return returned

    def watch(self, watcher: Watcher) -> None:
        """Have changes told, after they have happened: what clients write and call, and what the firmware assigns."""
        self.watchers = (*self.watchers, watcher)

    def changed(self, member: Attribute | Method) -> None:
        """Tell the watchers: `meter.changed(Register.value)`. The owner of a bound attribute calls it."""
        for watcher in self.watchers:
            watcher(self, member)

    def attribute_access(self, number: int) -> Access:
        """The widest access that any client has to an attribute."""
        member = self.attributes.get(number)
        if member is None:
            return Access.NONE
        return self.access.get(member.name, member.access)

    def carries_out(self, number: int) -> bool:
        """Whether a method does anything here: the class has a rule for it, or this object a hook."""
        member = self.methods.get(number)
        return member is not None and (member.rule is not None or member.name in self.on)
