"""Encryption of phone numbers and names with AES-GCM, and a keyed hash to look them up by."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence

from ivr.setting_rules import decode_key
from ivr.settings import Settings

_NONCE_BYTES = 12
KEY_ID_BYTES = 4


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
        self._hash_key = hash_key or hmac.digest(keys[-1], b"infoline phone hash", "sha256")
        self._mac = hmac.new(self._hash_key, digestmod=hashlib.sha256)

    @classmethod
    def of(cls, settings: Settings) -> Vault:
        """The vault with the keys in the settings."""
        hash_key = decode_key(settings.phone_hash_key) if settings.phone_hash_key else None
        return cls(settings.phone_keys, hash_key)

    @property
    def key_ids(self) -> str:
        """The ids of the vault's keys, in hex, separated by spaces. They reveal nothing about the keys."""
        return " ".join(sorted(key_id.hex() for key_id in self._ciphers))

    @property
    def newest_key_id(self) -> str:
        """The id, in hex, of the key that encrypts."""
        return self._newest.hex()

    @property
    def hash_key_text(self) -> str:
        """The key of `hash` as PHONE_HASH_KEY takes it. Secret."""
        return base64.urlsafe_b64encode(self._hash_key).decode().rstrip("=")

    @property
    def hash_key_fingerprint(self) -> str:
        """16 hex digits by which another key of `hash` is recognized; they reveal nothing about the key."""
        return self.hash("infoline hash key fingerprint")[:16]

    def seal(self, plaintext: str) -> bytes:
        """Encrypt: the id of the key (4 bytes), a nonce (12 bytes), the ciphertext."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._newest + nonce + self._ciphers[self._newest].encrypt(nonce, plaintext.encode(), None)

    def seal_all(self, plaintexts: Sequence[str]) -> list[bytes]:
        """Encrypt many values, each with a nonce of its own, for less time than one after another."""
        nonces = os.urandom(_NONCE_BYTES * len(plaintexts))
        key_id, encrypt = self._newest, self._ciphers[self._newest].encrypt
        sealed = []
        for index, plaintext in enumerate(plaintexts):
            nonce = nonces[_NONCE_BYTES * index : _NONCE_BYTES * (index + 1)]
            sealed.append(key_id + nonce + encrypt(nonce, plaintext.encode(), None))
        return sealed

    def open(self, sealed: bytes) -> str:
        """Decrypt. Raises UnknownKey if the vault lacks the key, or if the data was modified."""
        from cryptography.exceptions import InvalidTag

        nonce, ciphertext = sealed[KEY_ID_BYTES:][:_NONCE_BYTES], sealed[KEY_ID_BYTES + _NONCE_BYTES :]
        try:
            return self._ciphers[sealed[:KEY_ID_BYTES]].decrypt(nonce, ciphertext, None).decode()
        except (KeyError, InvalidTag, ValueError) as error:
            raise UnknownKey from error

    def hash(self, plaintext: str) -> str:
        """A keyed hash: 64 hex digits, the same for the same input, that reveal nothing without the key."""
        mac = self._mac.copy()
        mac.update(plaintext.encode())
        return mac.hexdigest()


def sealed_key_id(sealed: bytes) -> str:
    """The id, in hex, of the key that encrypted a value."""
    return sealed[:KEY_ID_BYTES].hex()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"infoline key id" + key).digest()[:KEY_ID_BYTES]
