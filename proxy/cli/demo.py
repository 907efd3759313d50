"""`telnyx-proxy demo`: the proxy in front of the built-in emulator, with a tenant and a key."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.app.running import Addresses
    from proxy.app.workers import Report
    from proxy.settings import Settings

CREDENTIAL = "KEY_demo"
"""What the emulator accepts as a Telnyx API key."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "demo",
        help="try the proxy without a Telnyx account",
        description="Run the proxy in front of the built-in Telnyx emulator, with a demo tenant and a fresh key.",
    )
    parser.add_argument("--scenario", default="default", metavar="NAME", help="how the emulated Telnyx behaves")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal. 2 for an unknown scenario."""
    from proxy.app.checks import CHECKS
    from proxy.app.looping import run_loop
    from proxy.app.processors import worker_count
    from proxy.emulator import scenarios
    from proxy.settings import environment, load

    try:
        scenarios.resolve(args.scenario)
    except scenarios.UnknownScenario as fault:
        sys.stderr.write(f"telnyx-proxy demo: {fault}\n")
        return 2
    with _kept_for_now(load(None, environment(), checks=CHECKS)) as settings:
        count = worker_count(settings.server.workers)
        return _in_several(args.scenario, settings, count) if count > 1 else run_loop(_demo(args.scenario, settings))


@contextmanager
def _kept_for_now(settings: "Settings") -> "Iterator[Settings]":
    """The settings with a store, a spool and files of their own, which go with the demo, unless one was asked for."""
    if "url" in settings.storage.model_fields_set:
        yield settings
        return
    with TemporaryDirectory(prefix="telnyx-proxy-demo-") as folder:
        storage = settings.storage.model_copy(update={"url": f"sqlite:///{folder}/demo.db"})
        spool = settings.ledger.spool.model_copy(update={"folder": f"{folder}/spool"})
        ledger = settings.ledger.model_copy(update={"spool": spool})
        batches = settings.batches.model_copy(update={"folder": f"{folder}/files"})
        yield settings.model_copy(update={"storage": storage, "ledger": ledger, "batches": batches})


async def _demo(scenario: str, settings: "Settings") -> int:
    from proxy.app.running import until_signal
    from proxy.app.starting import operators_token
    from proxy.emulator.server import running

    async with running(scenario=scenario) as telnyx:
        settings, key = _in_front_of(settings, telnyx.base_url)
        token = await operators_token(settings)
        await until_signal(settings, lambda proxy: _greet(proxy.addresses, key, telnyx.base_url, token))
    return 0


def _in_several(scenario: str, settings: "Settings", count: int) -> int:
    """Several workers in front of one emulator, so that it knows of all requests."""
    from proxy.app.several import supervise
    from proxy.app.starting import operators_token

    with _emulator(scenario) as base_url:
        settings, key = _in_front_of(settings, base_url)
        token = asyncio.run(operators_token(settings))
        return supervise(settings, count, lambda addresses: _greet(addresses, key, base_url, token))


def _in_front_of(settings: "Settings", base_url: str) -> "tuple[Settings, str | None]":
    from proxy.app.starting import with_tenant
    from proxy.settings import Secret

    upstream = settings.upstream.model_copy(update={"base_url": base_url, "api_key": Secret(value=CREDENTIAL)})
    return with_tenant(settings.model_copy(update={"upstream": upstream}), "demo")


def _greet(addresses: "Addresses", key: str | None, base_url: str, token: str | None) -> None:
    from proxy.app.banner import banner, tell

    tell(banner(addresses, key, f"the built-in emulator of Telnyx ({base_url})", token))


@contextmanager
def _emulator(scenario: str) -> Iterator[str]:
    """An emulator in a process of its own, until the block is left; its base URL."""
    from proxy.app.looping import run_loop
    from proxy.app.workers import REPORT, fault_of, fork

    lifeline, held = os.pipe()
    worker = fork(lambda report: run_loop(_emulate(scenario, report, lifeline)), (held,))
    try:
        told = os.read(worker.reports, REPORT)
        if not told.startswith(b"http"):
            raise fault_of(told) or OSError("the emulator did not start")
        yield told.decode()
    finally:
        os.close(held)
        worker.ended()
        os.close(lifeline)


async def _emulate(scenario: str, report: "Report", lifeline: int) -> None:
    """Serve until the lifeline's end, which comes with that of the process that holds its other end."""
    from proxy.emulator.server import running

    async with running(scenario=scenario) as telnyx:
        over = asyncio.Event()
        asyncio.get_running_loop().add_reader(lifeline, over.set)
        report(telnyx.base_url.encode())
        await over.wait()
        asyncio.get_running_loop().remove_reader(lifeline)
