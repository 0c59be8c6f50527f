"""The keys that secrets in the database are encrypted with: ENCRYPTION_KEYS, newest first, else a file of our own."""

from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from core.errors import SetupError
from core.key_file import key_file, write_key_file

_OTHERS_MAY_READ = 0o077
_NO_FILE = (
    "The database holds encrypted secrets, and the file {path} with their keys is missing. No new one was made. "
    "Put it back from a backup, or set ENCRYPTION_KEYS to what it held."
)
_NOT_KEYS = (
    "{where} does not hold keys, newest first, each 44 characters as this prints: "
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)


class EncryptionKeys:
    """A file is read at each use, so that every process beside it follows a rotation at once.

    It is made when something is encrypted first, and never where anything is encrypted that it could not read.
    """

    def __init__(self, given: SecretStr | None, path: Path, in_use: Callable[[], bool] = lambda: False) -> None:
        """``path`` is of the file, which counts only if no keys are given; ``in_use`` says whether there is anything
        that was encrypted. Raises SetupError.
        """
        self._path, self._in_use = path, in_use
        self._given = None if given is None else _parsed(given.get_secret_value(), "The setting ENCRYPTION_KEYS")

    def encrypt(self, text: str) -> str:
        """Raises SetupError."""
        return self._fernet(make=True).encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """Raises SetupError if none of the keys is the one."""
        try:
            return self._fernet().decrypt(encrypted).decode()
        except InvalidToken:
            raise self._wrong() from None

    def again(self, encrypted: str) -> str:
        """Return the same, encrypted with the newest key. Raises SetupError."""
        try:
            return self._fernet().rotate(encrypted).decode()
        except InvalidToken:
            raise self._wrong() from None

    def is_newest(self, encrypted: str) -> bool:
        """Return whether the newest key alone can read it. Raises SetupError."""
        return self.reads(self._all()[0], encrypted)

    def reads(self, key: bytes, encrypted: str) -> bool:
        """Return whether that key alone can read it."""
        try:
            Fernet(key).decrypt(encrypted)
        except InvalidToken:
            return False
        return True

    def add_to_file(self, key: bytes) -> None:
        """Put a new key before the file's, once; keys that are given are changed by who gives them.

        Raises SetupError.
        """
        if self._given is None:
            self._write([key, *(each for each in self._all(make=True) if each != key)])

    def take_from_file(self, key: bytes) -> None:
        """Undo the adding of a key, if one was added: what only that key can read must not be left anywhere.

        Raises SetupError.
        """
        kept = [each for each in self._all() if each != key] if self._given is None else []
        if kept:
            self._write(kept)

    def keep_newest_in_file(self) -> None:
        """Raises SetupError."""
        if self._given is None:
            self._write(self._all()[:1])

    def _fernet(self, *, make: bool = False) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in self._all(make=make)])

    def _all(self, *, make: bool = False) -> list[bytes]:
        if self._given is not None:
            return self._given
        if not self._path.exists() and (not make or self._in_use()):
            raise SetupError(_NO_FILE.format(path=self._path))
        content = key_file(self._path, new_key)
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
            "Put the right one there (processes that share a database need the same ENCRYPTION_KEYS), or enter it "
            "again."
        )


def new_key() -> bytes:
    return Fernet.generate_key()


def _parsed(text: str, where: str) -> list[bytes]:
    keys = [key.encode("utf-8", "replace") for key in text.replace(",", " ").split()]
    try:
        MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise SetupError(_NOT_KEYS.format(where=where)) from None
    return keys
