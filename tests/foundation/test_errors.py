import errno
import os
import pickle
from pathlib import Path

import pytest

from irp_lightning.foundation.errors import InputError, WrongValue, named, refused_by_the_system
from irp_lightning.foundation.names import named_file


def test_a_wrong_value_gets_its_groups_name_where_it_is_known() -> None:
    def read() -> None:
        raise WrongValue("root", "/x", "is not a folder")

    with pytest.raises(InputError, match=r"^data\.root=/x is not a folder$"):
        named("data")(read)()
    with pytest.raises(InputError, match=r"^a\.b\.root=/x"), named("a"), named("b"):
        read()


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(InputError, match=r"^no disk$"), named("data"):
        raise InputError("no disk")


@pytest.mark.parametrize(
    "name", ["two\nlines.png", "\x1b[31mred.png", "Gr\udcfcn.png", "a\u2028b.png", "\u202egnp.png"]
)
def test_whatever_names_hold_the_message_is_a_line_that_can_be_printed(name: str) -> None:
    message = str(InputError(f"{name} is no image"))
    assert len(message.splitlines()) == 1
    assert message.isprintable()
    assert named_file(Path(), message.removesuffix(" is no image")) == Path(name)


@pytest.mark.parametrize(
    "number",
    [
        *(errno.EACCES, errno.ENOSPC, errno.ENOLCK, errno.ESTALE, errno.ETIMEDOUT, errno.EFBIG),
        *(errno.ENODEV, errno.ENXIO, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ECONNRESET, errno.EBUSY),
        *(errno.ENFILE, errno.ENOMEM, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.EREMOTEIO),
    ],
)
def test_what_the_system_refuses_is_a_line(number: int) -> None:
    with pytest.raises(InputError, match=r"^/x/y: [A-Z].*; fix that"), refused_by_the_system():
        raise OSError(number, os.strerror(number), "/x/y")


def test_what_names_no_file_is_a_line_too() -> None:
    with pytest.raises(InputError, match=r"^Cannot allocate memory; fix that"), refused_by_the_system():
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.ECHILD])
def test_what_nobody_can_mend_keeps_its_traceback(number: int) -> None:
    with pytest.raises(OSError, match=os.strerror(number)) as caught, refused_by_the_system():
        raise OSError(number, os.strerror(number))
    assert caught.value.errno == number


def test_a_name_that_a_file_system_does_not_take_is_a_line() -> None:
    with pytest.raises(InputError, match=r"^/x/a:b: Invalid argument"), refused_by_the_system():
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), "/x/a:b")


def test_it_travels_between_processes() -> None:
    sent = pickle.loads(pickle.dumps(WrongValue("k", 1, "is wrong")))
    assert str(sent) == "k=1 is wrong"
    assert isinstance(sent, WrongValue)
