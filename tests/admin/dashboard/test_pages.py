from proxy.accounts.roles import ROLES
from proxy.admin.dashboard.frame import ROOT
from proxy.admin.dashboard.pages import PAGES
from proxy.admin.dashboard.serving import SIGN_IN, SIGN_OUT


def test_every_page_has_a_place_and_a_name_of_its_own() -> None:
    assert len({each.path for each in PAGES}) == len({each.name for each in PAGES}) == len(PAGES)
    for each in PAGES:
        assert each.path == ROOT or each.path.startswith(f"{ROOT}/")
        assert each.path not in {SIGN_IN, SIGN_OUT}


def test_what_stands_in_the_navigation_needs_nothing_else() -> None:
    assert [each.name for each in PAGES if each.listed] == ["overview", "requests", "keys"]
    assert all("{" not in each.path for each in PAGES if each.listed)


def test_whoever_may_do_something_may_see_the_page() -> None:
    for page in PAGES:
        assert page.roles <= set(ROLES)
        for action in page.actions.values():
            assert action.roles <= page.roles


def test_a_viewer_changes_nothing() -> None:
    assert all("viewer" not in action.roles for page in PAGES for action in page.actions.values())
