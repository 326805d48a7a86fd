"""Scopes: permissions, optionally limited to some users, servers, groups or services.

A scope in a configuration is raw: ``servers``, ``servers!user``, ``self``. `ScopeTree.expand` converts raw
scopes into the flat set that all other code uses: every subscope by name, every filter with a value.
"""

from plughub.domain.scopes.access_scopes import access_scopes, identify_scopes, service_access_scopes
from plughub.domain.scopes.algebra import (
    effective_token_scopes,
    excess_scopes,
    intersect_scopes,
    reduce_scopes,
    users_in_filters,
)
from plughub.domain.scopes.definitions import DEFINITIONS, ScopeDefinition
from plughub.domain.scopes.descriptions import ScopeDescription, describe_scopes, name_scopes
from plughub.domain.scopes.filters import ScopeFilter, parse_scope
from plughub.domain.scopes.privilege_gain import FilterFacts, gained_over_server, gained_scopes
from plughub.domain.scopes.scope_check import Access, ScopeCoverage, check_scopes, coverage_of, parse_scopes
from plughub.domain.scopes.tree import ScopeOwner, ScopeTree, expand_scopes

__all__ = [
    "DEFINITIONS",
    "Access",
    "FilterFacts",
    "ScopeCoverage",
    "ScopeDefinition",
    "ScopeDescription",
    "ScopeFilter",
    "ScopeOwner",
    "ScopeTree",
    "access_scopes",
    "check_scopes",
    "coverage_of",
    "describe_scopes",
    "effective_token_scopes",
    "excess_scopes",
    "expand_scopes",
    "gained_over_server",
    "gained_scopes",
    "identify_scopes",
    "intersect_scopes",
    "name_scopes",
    "parse_scope",
    "parse_scopes",
    "reduce_scopes",
    "service_access_scopes",
    "users_in_filters",
]
