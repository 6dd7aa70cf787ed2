"""Where the deployment key lies: one file of hex digits, readable by its owner only."""

from __future__ import annotations

import os
from pathlib import Path

from stillhunt.errors import ConfigError, StoreError


def key_file() -> Path:
    """Return where this user's deployment key lies: `$STILLHUNT_KEY_FILE`, else under the configuration folder."""
    named = os.environ.get("STILLHUNT_KEY_FILE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "stillhunt" / "key"


def read_key(path: Path, *, make: bool) -> bytes:
    """
    Return the key in a file, making one of 32 random bytes (readable by the owner only) when it may.

    Raises `ConfigError` when the file is missing and may not be made, `StoreError` when it cannot be read or written.
    """
    try:
        if path.exists():
            return bytes.fromhex(path.read_text().strip())
        if not make:
            raise ConfigError(f"There is no key file {path}.\nGive an existing one, or leave `--key-file` out.")
        path.parent.mkdir(parents=True, exist_ok=True)
        secret = os.urandom(32)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secret.hex() + "\n")
        return secret
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(f"The key file {path} does not hold hex digits.\nGive another with `--key-file`.") from error
    except OSError as error:
        raise StoreError(f"The key file {path} cannot be used: {error}.\nGive another with `--key-file`.") from error
