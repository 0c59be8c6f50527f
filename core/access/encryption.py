"""The keys that secrets in the database are encrypted with: ENCRYPTION_KEYS, newest first, else a file of our own."""

from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from core.errors import SetupError
from core.key_file import key_file, write_key_file
from core.settings import Settings

_OTHERS_MAY_READ = 0o077
_NOT_KEYS = (
    "{where} does not hold keys, newest first, each 44 characters as this prints: "
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)


class EncryptionKeys:
    """A file is read at each use, so that every process beside it follows a rotation at once."""

    def __init__(self, given: SecretStr | None, path: Path) -> None:
        """``path`` is of the file, which counts only if no keys are given. Raises SetupError."""
        self._path = path
        self._given = None if given is None else _parsed(given.get_secret_value(), "The setting ENCRYPTION_KEYS")

    def encrypt(self, text: str) -> str:
        """Raises SetupError."""
        return self._fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """Raises SetupError if none of the keys is the one."""
        try:
            return self._fernet().decrypt(encrypted).decode()
        except InvalidToken:
            raise self._wrong() from None

    def again(self, encrypted: str) -> str:
        """The same, encrypted with the newest key. Raises SetupError."""
        try:
            return self._fernet().rotate(encrypted).decode()
        except InvalidToken:
            raise self._wrong() from None

    def is_newest(self, encrypted: str) -> bool:
        """Whether the newest key alone can read it. Raises SetupError."""
        try:
            Fernet(self._all()[0]).decrypt(encrypted)
        except InvalidToken:
            return False
        return True

    def add_to_file(self) -> None:
        """Put a new key before the file's; keys that are given are changed by who gives them. Raises SetupError."""
        if self._given is None:
            self._write([_new_key(), *self._all()])

    def keep_newest_in_file(self) -> None:
        """Raises SetupError."""
        if self._given is None:
            self._write(self._all()[:1])

    def _fernet(self) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in self._all()])

    def _all(self) -> list[bytes]:
        if self._given is not None:
            return self._given
        content = key_file(self._path, _new_key)
        if self._path.stat().st_mode & _OTHERS_MAY_READ:
            raise SetupError(f"The key {self._path} can be read by others. Run: chmod 600 {self._path}")
        return _parsed(content.decode("ascii", "replace"), f"The file {self._path}")

    def _write(self, keys: list[bytes]) -> None:
        try:
            write_key_file(self._path, b"\n".join(keys) + b"\n", replace=True)
        except OSError as error:
            raise SetupError(f"The key {self._path} cannot be written ({error.strerror}). Correct that.") from None

    def _wrong(self) -> SetupError:
        where = str(self._path) if self._given is None else "ENCRYPTION_KEYS"
        return SetupError(
            f"A provider key, or a server's secret, in the database was encrypted with another key than {where} holds. "
            "Put the right one there (processes that share a database need the same ENCRYPTION_KEYS), or enter it anew."
        )


def encryption_keys(chosen: Settings) -> EncryptionKeys:
    """Raises SetupError."""
    return EncryptionKeys(chosen.encryption_keys, chosen.data_dir / "encryption.keys")


def _new_key() -> bytes:
    return Fernet.generate_key()


def _parsed(text: str, where: str) -> list[bytes]:
    keys = [key.encode("utf-8", "replace") for key in text.replace(",", " ").split()]
    try:
        MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise SetupError(_NOT_KEYS.format(where=where)) from None
    return keys
