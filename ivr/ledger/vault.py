"""How phone numbers and names are kept: sealed with AES-GCM, found again by a keyed hash."""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.settings import Settings, decode_key

_NONCE = 12
_KEY_ID = 4


class UnknownKey(KeyError):
    """A sealed value was sealed with a key that the settings do not list, or was altered."""

    def __str__(self) -> str:
        return "A sealed value needs a key that PHONE_KEY does not list: add the old keys after the newest one."


class Vault:
    """Seals and opens what is personal.

    keys: 32-byte AES keys, newest first; the newest seals, each opens what it sealed.
    hash_key: the key of `hash`; it never changes, or nobody would be found again. None: derived from
    the oldest key.
    """

    def __init__(self, keys: list[bytes], hash_key: bytes | None = None) -> None:
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._newest = _key_id(keys[0])
        hash_key = hash_key or hmac.digest(keys[-1], b"infoline phone hash", "sha256")
        self._mac = hmac.new(hash_key, digestmod=hashlib.sha256)

    @classmethod
    def of(cls, settings: Settings) -> Vault:
        """The vault that the settings describe."""
        hash_key = decode_key(settings.phone_hash_key) if settings.phone_hash_key else None
        return cls(settings.phone_keys, hash_key)

    @property
    def known(self) -> str:
        """The names of the keys that this vault has, which tell nothing of the keys themselves."""
        return " ".join(sorted(key.hex() for key in self._ciphers))

    def seal(self, words: str) -> bytes:
        """The id of the key (4 bytes), a nonce (12), and the sealed words."""
        nonce = os.urandom(_NONCE)
        return self._newest + nonce + self._ciphers[self._newest].encrypt(nonce, words.encode(), None)

    def open(self, sealed: bytes) -> str:
        """Return the plain text. Raises UnknownKey."""
        nonce = sealed[_KEY_ID : _KEY_ID + _NONCE]
        try:
            return self._ciphers[sealed[:_KEY_ID]].decrypt(nonce, sealed[_KEY_ID + _NONCE :], None).decode()
        except (KeyError, InvalidTag, ValueError) as error:
            raise UnknownKey from error

    def hash(self, words: str) -> str:
        """64 hex digits, the same for the same words, that tell nothing without the key."""
        mac = self._mac.copy()
        mac.update(words.encode())
        return mac.hexdigest()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"infoline key id" + key).digest()[:_KEY_ID]
