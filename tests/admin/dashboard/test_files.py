import gzip
from importlib.machinery import ModuleSpec

import pytest

from proxy.admin.dashboard import files


def test_chart_js_comes_from_a_package_with_its_licence() -> None:
    found = files.named(files.CHARTS)
    assert found.kind == "text/javascript"
    assert b"Chart.js v4" in found.data[:200]
    assert b"Released under the MIT License" in found.data[:400]
    assert gzip.decompress(found.packed) == found.data


def test_the_licences_of_all_that_is_bundled() -> None:
    text = files.named(files.LICENCES).data.decode()
    for name in ("chart.js", "kurkle-color", "chartjs-adapter-date-fns", "date-fns"):
        assert f"{name}\n\n" in text
    assert text.count("Permission is hereby granted") == 4


def test_every_file_has_its_digest_in_its_path() -> None:
    assert {"dashboard.css", "dashboard.js", "theme.js", "icon.svg", files.CHARTS} <= files.names()
    paths = {files.asset(name) for name in files.names()}
    assert len(paths) == len(files.names())
    assert files.asset("theme.js") == f"/dashboard/static/{files.named('theme.js').digest}/theme.js"


@pytest.mark.parametrize("name", sorted(files.names() - {files.CHARTS, files.LICENCES}))
def test_no_file_of_ours_asks_another_server_or_makes_code_of_text(name: str) -> None:
    text = files.named(name).data.decode().replace("http://www.w3.org/2000/svg", "")
    for forbidden in ("http://", "https://", "@import", "eval(", "new Function", "innerHTML = ", "document.write"):
        assert forbidden not in text


@pytest.mark.parametrize("found", [None, ModuleSpec("chartkick", None)])
def test_without_the_package_it_says_which_one(found: ModuleSpec | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "find_spec", lambda name: found)
    with pytest.raises(FileNotFoundError, match="chartkick"):
        files._read(files.CHARTS)
