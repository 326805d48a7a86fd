"""User names with every character that has a special meaning somewhere in URLs."""

from __future__ import annotations

from typing import Final

ODD_NAMES: Final = (
    "ann+lab@x.org",
    "o'neil (x)",
    "a;b",
    "a,b",
    "a=b",
    "a&b",
    "a$b",
    "a*b",
    "a!b",
    "a:b",
    "a(b",
    "a)b",
    "100%",
    "a%2fb",
    "a%20b",
    "%41b",
    "a%b+c d",
    "who?#1",
    'a"b',
    "a<b>",
    "a[1]",
    "a{0}",
    "a|b",
    "a^b",
    "a`b",
    "a\\b",
    "a~b",
    "a.b",
    "a..b",
    "-dash-",
    "_under",
    "ann lee",
    "a@b@c",
    "%s%(x)s{0}",
    "zoë",
    "josé",
    "名前",
    "имя",
    "😀",
    "x" * 60 + "+$",
)
"""As the hub knows them: normalised. No two of them are one in any spelling."""

ALL_SIGNS: Final = "a!\"#$%&'()*+,-.:;<=>?@[\\]^_`{|}~ z"
"""One name with all that ASCII has besides letters, digits and the slash."""
