"""Functions that escape, quote and shorten names of users and servers without collisions."""

from plughub.domain.names import URL_SAFE, escape, normalize_username, quote_path, shorten, unique_name

__all__ = ["URL_SAFE", "escape", "normalize_username", "quote_path", "shorten", "unique_name"]
