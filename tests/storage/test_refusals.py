import importlib
import pkgutil

import pytest

from proxy import storage
from proxy.cli.main import run
from proxy.storage import refusals

for each in pkgutil.iter_modules(storage.__path__, "proxy.storage."):
    importlib.import_module(each.name)  # a class is known once its module is


@pytest.mark.parametrize("kind", refusals.StorageRefused.__subclasses__())
def test_each_is_told_in_one_line_by_the_command_line(
    kind: type[refusals.StorageRefused], capsys: pytest.CaptureFixture[str]
) -> None:
    from argparse import Namespace

    def refuse(args: Namespace) -> int:
        raise kind("it cannot be")

    assert run(Namespace(run=refuse)) == 1
    assert capsys.readouterr().err == "telnyx-proxy: it cannot be\n"


def test_each_stands_in_the_drawing() -> None:
    assert refusals.__doc__ is not None
    for kind in refusals.StorageRefused.__subclasses__():
        assert f"── {kind.__name__} " in refusals.__doc__
