"""Token check that accepts JSON web tokens signed by another service."""

import os
from dataclasses import dataclass
from pathlib import Path

import jwt
from plughub import hookimpl
from plughub.kinds import HubContext, TokenIdentity

KEY_VARIABLE = "PLUGHUB_JWT_KEY"
ALGORITHMS = ("RS256", "ES256", "EdDSA", "HS256")
MIN_SECRET_LENGTH = 32


@dataclass(frozen=True)
class Trust:
    """Key, algorithm and audience of accepted tokens."""

    key: str
    algorithm: str
    audience: str


trusted: list[Trust] = []


@hookimpl
def hub_configure(context: HubContext) -> None:
    settings = context.settings
    key = (
        Path(settings["key_file"]).read_text() if "key_file" in settings else os.environ.get(KEY_VARIABLE, "")
    )
    trust = Trust(key, settings.get("algorithm", "RS256"), settings.get("audience", ""))
    if trust.algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm must be one of {', '.join(ALGORITHMS)}, not {trust.algorithm!r}")
    if not trust.audience:
        raise ValueError("audience is missing: set it to the name that the signer uses for this hub")
    if not key or (trust.algorithm == "HS256" and len(key) < MIN_SECRET_LENGTH):
        raise ValueError(f"the key is missing or too short: set key_file or {KEY_VARIABLE}")
    trusted[:] = [trust]


@hookimpl
def hub_check_token(token: str) -> TokenIdentity | None:
    [trust] = trusted
    try:
        claims = jwt.decode(
            token,
            trust.key,
            algorithms=[trust.algorithm],  # never the algorithm that the token names
            audience=trust.audience,
            options={"require": ["aud", "exp", "sub"]},
        )
    except jwt.PyJWTError:
        return None
    scopes = frozenset(str(claims.get("scope", "")).split())
    return TokenIdentity(name=claims["sub"], scopes=scopes, expires_at=float(claims["exp"]))
