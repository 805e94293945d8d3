"""`ariane demo`: a server, a small shop that sends to it, and a page that shows what becomes of the clicks."""

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import click

from collector.runtime.folder import DataFolder
from sessionizer.commands.command import Command
from sessionizer.commands.edge_settings import edge_settings
from sessionizer.commands.plan import Logging, Plan, Role, urls_for

HOST = "127.0.0.1"
"""The demo's live page holds the API key, so it never listens on anything but the loopback address."""


@click.command(cls=Command)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the demo's data in this folder.  [default: a temporary one, gone afterwards]",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Ariane's port; 0 finds a free one."
)
@click.option(
    "--shop-port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="The shop's port; 0 likewise."
)
@click.option(
    "--visitors",
    type=click.IntRange(0, 10_000),
    default=0,
    show_default=True,
    help="Start with the histories of so many others.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Which simulated visitors; the same seed, the same ones."
)
def demo(data: Path | None, port: int, shop_port: int, visitors: int, seed: int) -> None:
    """Click through a small shop, and watch your profile appear.

    Opens nothing by itself: it prints two addresses, the shop and the live page. Stop it with Ctrl-C.
    """
    from collector.runtime import logs, loop

    logs.set_up("text", "WARNING")
    with contextlib.ExitStack() as stack:
        root = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ariane-demo-")))
        loop.run(_demo(DataFolder(root).create(), port, shop_port, visitors, seed))


async def _demo(folder: DataFolder, port: int, shop_port: int, visitors: int, seed: int) -> None:
    from aiohttp import web

    from collector.runtime.clock import now_ms
    from collector.sources import SourcesFile
    from sessionizer.commands.http import run_http
    from sessionizer.commands.listening import listen, url_of
    from sessionizer.demo import add_live_page, make_shop_app

    listener, shop_listener = listen(HOST, port, "--port"), listen(HOST, shop_port, "--shop-port")
    url, shop_url = url_of(listener, HOST), url_of(shop_listener, HOST)
    index = SourcesFile(folder.sources, _origins(shop_url)).current(now_ms())
    source = _with_origins(folder, index.default, shop_url)
    live_url = f"{url}/demo/live"
    shop = web.AppRunner(make_shop_app(url, source.write_key, source.identity_secret, live_url), access_log=None)
    await shop.setup()
    simulating: list[asyncio.Task[None]] = []

    def ready(_url: str) -> None:
        click.echo(
            f"The shop:      {shop_url}\nWhat happens:  {live_url}\n"
            "Open both in a browser, side by side, and click through the shop. Ctrl-C ends the demo."
        )
        if visitors:
            work = _simulate(url, source, visitors, seed, shop_url)
            simulating.append(asyncio.create_task(work, name="simulate visitors"))

    try:
        await web.SockSite(shop, shop_listener).start()
        plan = Plan(
            folder=folder,
            roles=frozenset(Role),
            urls=urls_for(folder, None, None),
            host=HOST,
            port=port,
            edge=edge_settings({}, os.environ, ()),
            logging=Logging("text", "WARNING"),
            stop_timeout_s=2.0,
        )
        await run_http(plan, listener, ready, lambda app: add_live_page(app, index.api_key, shop_url))
    finally:
        for task in simulating:
            task.cancel()
            await asyncio.wait([task])
        await shop.cleanup()


def _origins(shop_url: str) -> tuple[str, ...]:
    return (shop_url, shop_url.replace(HOST, "localhost"))


def _with_origins(folder: DataFolder, source: Any, shop_url: str) -> Any:
    """The source, which the shop may send to: an earlier demo's may have had another port."""
    from sessionizer.commands.sources_file import add

    if set(_origins(shop_url)) <= set(source.origins):
        return source
    return add(folder.sources, source.name, _origins(shop_url))


async def _simulate(url: str, source: Any, visitors: int, seed: int, shop_url: str) -> None:
    import aiohttp

    from collector.runtime.clock import now_ms
    from sessionizer.demo.visitors import simulate

    try:
        counts = await simulate(
            url,
            source.write_key,
            visitors=visitors,
            seed=seed,
            now_ms=now_ms(),
            origin=shop_url,
            identity_secret=source.identity_secret,
        )
    except (aiohttp.ClientError, TimeoutError) as error:
        click.echo(f"ariane: the simulated visitors gave up: {error or type(error).__name__}.", err=True)
    else:
        click.echo(f"Simulated: {counts.visitors} visitors, {counts.sessions} sessions, {counts.orders} orders.")
