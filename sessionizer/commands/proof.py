"""`ariane proof`: a signed proof of who is logged in, to try one before the site's server makes its own."""

from pathlib import Path

import click

from collector.proof import MAX_LIFE_S, sign
from sessionizer.commands.command import Command
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import open_or_make
from sessionizer.commands.options import data_options


@click.command(cls=Command)
@click.argument("user_id")
@click.argument("anonymous_id")
@data_options
@click.option("--email", help="Sign this e-mail address too: it is verified to be the user's.")
@click.option("--phone", help="Sign this phone number too.")
@click.option(
    "--ttl-s",
    type=click.IntRange(1, MAX_LIFE_S),
    default=3600,
    show_default=True,
    help="How long it holds, in seconds; a week at most.",
)
@click.option("--source", "name", metavar="NAME", envvar="ARIANE_SOURCE", help="Of this source.  [default: the first]")
def proof(
    user_id: str, anonymous_id: str, data: Path, email: str | None, phone: str | None, ttl_s: int, name: str | None
) -> None:
    """Sign that USER_ID is logged in on the device ANONYMOUS_ID, and print the token.

    It goes into an event's context.identityProof. A site's server makes its own, with its library: docs/proofs.md.
    """
    from collector.runtime.clock import now_ms
    from collector.sources import SourcesFile

    index = SourcesFile(open_or_make(data).sources).current(now_ms())
    source = index.default if name is None else index.named(name)
    if source is None:
        raise Failure(f"there is no source {name!r}", "`ariane sources list` shows them.")
    try:
        token = sign(source.identity_secret, user_id, anonymous_id, email, phone, ttl_s=ttl_s, now_s=now_ms() / 1000)
    except ValueError as error:
        raise Failure(f"this cannot be signed: {error}", "") from error
    click.echo(token)
