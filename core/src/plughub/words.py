"""Texts for users that the hub's pages display in the language of the browser.

A plugin marks its own texts::

    from plughub.words import _

    Progress(percent=20, message=_("Pulling %(image)s", image=image))

The catalogue of the hub contains the texts of the plugins in this repository; others stay English.
"""

from plughub.domain.words import Text, _, ngettext

__all__ = ["Text", "_", "ngettext"]
