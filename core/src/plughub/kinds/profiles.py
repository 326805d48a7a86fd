"""Records for the choices that a spawner offers on the start page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Prepared configuration of a server, which a user chooses at a start.

    The choice is stored in the options of the server: ``profile`` is the slug, and each option has its own
    key.

    Attributes:
        slug: identifier in options and links; unique among the profiles of a spawner.
        title: name for users.
        description: what it is meant for; plain text.
        description_html: the same with markup, which the hub does not escape; empty for the plain text.
        icon: address of an image: below ``/hub/static/``, or absolute; empty for none.
        default: whether it is chosen in advance, and used by a start that names no profile. Without one, it
            is the first.
        groups: the profile is for members of one of these groups; empty for all users.
        cpu_limit: CPU cores, as shown to users; None if unknown.
        memory_limit: memory in bytes, as shown to users; None if unknown.
        options: JSON Schema of further options: type ``object``, with properties of the types string,
            integer, number, boolean, and array of listed values. ``oneOf`` with ``const`` and ``title``
            names choices.
    """

    slug: str
    title: str
    description: str = ""
    description_html: str = ""
    icon: str = ""
    default: bool = False
    groups: tuple[str, ...] = ()
    cpu_limit: float | None = None
    memory_limit: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
