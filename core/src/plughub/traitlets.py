"""Kinds of settings, under the name that config files and plugins import."""

from plughub.classes.traits import ByteSpecification, Callable, Command, EntryPointType, URLPrefix

__all__ = ["ByteSpecification", "Callable", "Command", "EntryPointType", "URLPrefix"]
