import pytest

from proxy.admin.dashboard import attempts
from proxy.admin.dashboard.attempts import BURST, EACH, Attempts


def used_up(tries: Attempts, address: str, now: float = 0.0) -> None:
    assert [tries.begin(address, now) for _ in range(BURST)] == [0.0] * BURST


def test_ten_tries_and_then_one_in_six_seconds() -> None:
    tries = Attempts()
    used_up(tries, "192.0.2.1")
    assert tries.begin("192.0.2.1", 0.0) == pytest.approx(EACH)
    assert tries.begin("192.0.2.1", EACH - 1) == pytest.approx(1)
    assert tries.begin("192.0.2.1", EACH) == 0.0
    assert tries.begin("192.0.2.1", EACH) > 0


def test_a_refused_try_does_not_make_the_wait_longer() -> None:
    tries = Attempts()
    used_up(tries, "192.0.2.1")
    waits = {tries.begin("192.0.2.1", 1.0) for _ in range(100)}
    assert waits == {EACH - 1}


def test_addresses_do_not_disturb_each_other_and_a_good_try_forgets() -> None:
    tries = Attempts()
    used_up(tries, "192.0.2.1")
    assert tries.begin("192.0.2.2", 0.0) == 0.0
    tries.succeed("192.0.2.1")
    used_up(tries, "192.0.2.1")


@pytest.mark.parametrize("other", ["2001:db8:0:1::2", "2001:db8:0:1:ffff::1%eth0"])
def test_a_network_of_ipv6_counts_as_one(other: str) -> None:
    tries = Attempts()
    used_up(tries, "2001:db8:0:1::1")
    assert tries.begin(other, 0.0) > 0
    assert tries.begin("2001:db8:0:2::1", 0.0) == 0.0


def test_what_is_no_address_is_one_of_its_own() -> None:
    tries = Attempts()
    used_up(tries, "")
    assert tries.begin("", 0.0) > 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "ADDRESSES", 3)
    tries = Attempts()
    for number in range(50):
        tries.begin(f"192.0.2.{number}", 0.0)
    assert list(tries._free_at) == ["192.0.2.47", "192.0.2.48", "192.0.2.49"]
