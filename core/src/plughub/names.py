"""Names of users and servers in other places: escaped without collisions, shortened for messages."""

from plughub.domain.names import URL_SAFE, escape, normalize_username, quote_path, shorten, unique_name

__all__ = ["URL_SAFE", "escape", "normalize_username", "quote_path", "shorten", "unique_name"]
