import pickle

import pytest

from irp_lightning.foundation.errors import InputError, WrongValue, named


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


def test_it_travels_between_processes() -> None:
    sent = pickle.loads(pickle.dumps(WrongValue("k", 1, "is wrong")))
    assert str(sent) == "k=1 is wrong"
    assert isinstance(sent, WrongValue)
