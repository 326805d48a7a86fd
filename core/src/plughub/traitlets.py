"""Public trait types for settings."""

from plughub.classes.traits import ByteSpecification, Callable, Command, EntryPointType, URLPrefix

__all__ = ["ByteSpecification", "Callable", "Command", "EntryPointType", "URLPrefix"]
