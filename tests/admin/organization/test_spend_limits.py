from openai.types.admin.organization.projects import ProjectSpendLimit, ProjectSpendLimitDeleted

from proxy.accounts.periods import period_start
from tests.admin.bureau import NOW
from tests.admin.organization.official import DECLARED_TENANT, Official, read, refused


async def test_a_spend_limit_is_the_monthly_budget(api: Official) -> None:
    project = await api.project()
    limit = api.organization.projects.spend_limit
    await refused(limit.retrieve(project), 404, "not_found")
    raw = await limit.with_raw_response.update(project, currency="USD", interval="month", threshold_amount=2599)
    made = read(ProjectSpendLimit, raw.content)
    assert (made.threshold_amount, made.currency, made.interval) == (2599, "USD", "month")
    assert made.enforcement.status == "inactive"
    (row,) = (await api.bureau.call("GET", "/budgets")).value["data"]
    assert (row["tenant"], row["key"], row["usd"], row["per"]) == (project, None, "25.99", "month")
    changed = await limit.update(project, currency="USD", interval="month", threshold_amount=1)
    assert changed.threshold_amount == 1
    gone = await limit.with_raw_response.delete(project)
    assert read(ProjectSpendLimitDeleted, gone.content).deleted
    await refused(limit.delete(project), 404, "not_found")


async def test_it_is_enforcing_when_all_is_spent(api: Official) -> None:
    project = await api.project()
    limit = api.organization.projects.spend_limit
    await limit.update(project, currency="USD", interval="month", threshold_amount=100)
    start = period_start("month", NOW)
    await api.bureau.store.add_spent({(f"tenant:{project}:month", start): 1_000_000})
    assert (await limit.retrieve(project)).enforcement.status == "enforcing"


async def test_declared_budgets_are_shown_and_not_changed(api: Official) -> None:
    budget = {"id": "fixed/month", "tenant": "fixed", "key": "", "micros": 5_000_000, "per": "month", "soft": 80}
    budget |= {"created_at": 0, "revision": 0}
    api.bureau.declared.rows |= {"tenants": [DECLARED_TENANT], "budgets": [budget]}
    limit = api.organization.projects.spend_limit
    assert (await limit.retrieve("fixed")).threshold_amount == 500
    await refused(limit.delete("fixed"), 409, "declared")
    change = limit.update("fixed", currency="USD", interval="month", threshold_amount=1)
    await refused(change, 409, "declared", "tenant")


async def test_no_money_is_no_limit(api: Official) -> None:
    project = await api.project()
    call = api.organization.projects.spend_limit.update(project, currency="USD", interval="month", threshold_amount=0)
    await refused(call, 400, "invalid_value", "threshold_amount")
