"""Encryption of phone numbers and names with AES-GCM, and a keyed hash to look them up by."""

from __future__ import annotations

import hashlib
import hmac
import os

from ivr.settings import Settings, decode_key

_NONCE_BYTES = 12
_KEY_ID_BYTES = 4


class UnknownKey(Exception):
    """A sealed value was sealed with a key that the settings do not list, or was altered."""

    def __str__(self) -> str:
        return "A sealed value needs a key that PHONE_KEY does not list: add the old keys after the newest one."


class Vault:
    """Encrypts and decrypts personal data.

    keys: 32-byte AES keys, newest first; the newest encrypts, all of them decrypt. hash_key: the key of `hash`, by
    default derived from the oldest key; if it changes, no stored person can be found again.
    """

    def __init__(self, keys: list[bytes], hash_key: bytes | None = None) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._newest = _key_id(keys[0])
        hash_key = hash_key or hmac.digest(keys[-1], b"infoline phone hash", "sha256")
        self._mac = hmac.new(hash_key, digestmod=hashlib.sha256)

    @classmethod
    def of(cls, settings: Settings) -> Vault:
        """The vault with the keys in the settings."""
        hash_key = decode_key(settings.phone_hash_key) if settings.phone_hash_key else None
        return cls(settings.phone_keys, hash_key)

    @property
    def key_ids(self) -> str:
        """The ids of the vault's keys, in hex, separated by spaces. They reveal nothing about the keys."""
        return " ".join(sorted(key_id.hex() for key_id in self._ciphers))

    def seal(self, plaintext: str) -> bytes:
        """Encrypt: the id of the key (4 bytes), a nonce (12 bytes), the ciphertext."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._newest + nonce + self._ciphers[self._newest].encrypt(nonce, plaintext.encode(), None)

    def open(self, sealed: bytes) -> str:
        """Decrypt. Raises UnknownKey if the vault lacks the key, or if the data was modified."""
        from cryptography.exceptions import InvalidTag

        nonce, ciphertext = sealed[_KEY_ID_BYTES:][:_NONCE_BYTES], sealed[_KEY_ID_BYTES + _NONCE_BYTES :]
        try:
            return self._ciphers[sealed[:_KEY_ID_BYTES]].decrypt(nonce, ciphertext, None).decode()
        except (KeyError, InvalidTag, ValueError) as error:
            raise UnknownKey from error

    def hash(self, plaintext: str) -> str:
        """A keyed hash: 64 hex digits, the same for the same input, that reveal nothing without the key."""
        mac = self._mac.copy()
        mac.update(plaintext.encode())
        return mac.hexdigest()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"infoline key id" + key).digest()[:_KEY_ID_BYTES]
