"""The group of commands ``ocpp-actors testbench``."""

import rich_click as click

from ocpp_actors.testbench_cli.proxy import proxy


@click.group(no_args_is_help=True)
def testbench() -> None:
    """Put a central system and charge points through their paces.

    \b
    Examples:
      ocpp-actors testbench proxy --upstream ws://127.0.0.1:9000/ocpp --fault latency
    """  # noqa: D301


testbench.add_command(proxy)
