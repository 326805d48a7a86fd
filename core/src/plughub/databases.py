"""Public names for plugins that keep tables of their own in the hub's database.

::

    from plughub.databases import HUB_TABLES, own_engine

    engine = own_engine("sqlite:///jupyterhub.sqlite")

Such a plugin never takes part in the hub's transactions, and changes no table of the hub.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Engine

from plughub.storage.database import is_in_memory, make_engine
from plughub.storage.tables import metadata

__all__ = ["HUB_TABLES", "own_engine"]

HUB_TABLES: Final = frozenset(metadata.tables)
"""Names of the tables of the hub."""
_POOL: Final = {"pool_size": 2, "max_overflow": 30}


def own_engine(url: str, options: Mapping[str, Any] = MappingProxyType({})) -> Engine:
    """Create an engine with connections of its own, on which each statement is a transaction.

    Args:
        url: SQLAlchemy URL, such as that of ``JupyterHub.db_url``. A database in memory is a new, empty one.
        options: more arguments of ``sqlalchemy.create_engine``.

    Raises:
        StartError: URL or arguments are invalid, or the driver is not installed.
    """
    pool = {} if is_in_memory(url) or url.startswith("sqlite") else _POOL
    return make_engine(url, {**pool, **options, "isolation_level": "AUTOCOMMIT"}, begin=False)
