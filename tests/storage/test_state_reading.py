import pytest
from sqlalchemy import event

from proxy.errors import StateTooLarge
from proxy.storage import state_reading
from proxy.storage.database import Database
from proxy.storage.state import State
from tests.storage.states import database, emptied, ids, made, state, url

__all__ = ["database", "emptied", "state", "url"]


async def test_a_long_chain_is_read_in_few_statements(
    state: State, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_reading, "AT_ONCE", 10)
    previous = None
    for number in range(25):
        await state.save(made(f"{number}", previous=previous))
        previous = f"resp_{number}"
    said: list[str] = []

    def note(*values: object) -> None:
        said.append(str(values[2]))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    assert len(ids(await state.history("acme", "resp_24"))) == 50
    assert len([each for each in said if "SELECT" in each.upper()]) == 4
    said.clear()
    assert len(await state.items("acme", [f"in_{number}" for number in range(25)])) == 25
    assert len([each for each in said if "SELECT" in each.upper()]) == 5
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)

    monkeypatch.setattr(state_reading, "LONGEST_CHAIN", 20)
    assert len(ids(await state.history("acme", "resp_19"))) == 40
    with pytest.raises(StateTooLarge, match="Before the response are 20 others or more") as raised:
        await state.history("acme", "resp_20")
    assert raised.value.param == "previous_response_id"
