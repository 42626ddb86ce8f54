"""A server, or an address, that a person has to change before crm-connector can start."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from pymongo.errors import PyMongoError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class WrongServerError(Exception):
    """The server, or what is said of it, has to be changed by a person."""

    def __init__(self, why: str) -> None:
        super().__init__(f"crm-connector cannot start: {why}")


def readable_address(connect: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a function that opens a client raise WrongServerError if MONGO_URL cannot be read."""

    @wraps(connect)
    def opened(*args: Arguments.args, **options: Arguments.kwargs) -> Result:
        try:
            return connect(*args, **options)
        except OSError as error:
            raise WrongServerError(
                f"MONGO_URL names a file that cannot be read ({type(error).__name__}). Check tlsCAFile and "
                "tlsCertificateKeyFile."
            ) from None
        except (PyMongoError, ValueError) as error:
            # The driver's own text may hold a part of the password.
            raise WrongServerError(
                f"MONGO_URL is not an address of MongoDB ({type(error).__name__}). It looks like "
                "mongodb://user:password@host:27017/?replicaSet=rs0, with any of / : @ % in the password written as "
                "%2F %3A %40 %25."
            ) from None

    return opened
