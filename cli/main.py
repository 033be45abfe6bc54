"""What can one type after `livery`? Each command's module is imported when the command is used, and no sooner."""

import importlib
import sys
import tomllib
from pathlib import Path
from typing import Any, NoReturn

import click

from kit.errors import LiveryError
from kit.settings import SettingsError

COMMANDS = {
    "run": ("cli.run:run", "Run everything on this machine until Ctrl-C."),
    "api": ("cli.processes:api", "The API and dashboard, one process."),
    "smtpd": ("cli.processes:smtpd", "The SMTP door, one process."),
    "workers": ("cli.processes:workers", "Delivery, one process."),
    "clock": ("cli.processes:clock", "The sweeper that rings what is due; further ones stand by."),
    "migrate": ("cli.migrate:migrate", "Give the database its present form."),
    "schema": ("cli.schema:schema", "Print the GraphQL schema, or compare it with the committed one."),
    "doctor": ("cli.doctor:doctor", "Check this installation, a line a finding."),
    "operator": ("cli.accounts:operator", "The platform's own people."),
    "account": ("cli.tree:account", "Resellers and their sub-accounts."),
    "source": ("cli.tree:source", "Addresses that mail leaves from."),
    "credential": ("cli.credentials:credential", "What programs send with."),
    "explain": ("cli.explain:explain", "What do these delivery replies, or a mail that came back, mean?"),
}


class _Commands(click.Group):
    """A group that knows its commands by name and loads the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _show_version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        project = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text())
        click.echo(project["project"]["version"])
        ctx.exit()


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def livery() -> None:
    """White-label email delivery that you can resell.

    Every setting is a LIVERY_* variable: docs/operating.md lists them.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; a refusal is one line on stderr and exit status 1, never a traceback."""
    try:
        result: Any = livery.main(arguments, prog_name="livery", standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        sys.exit(fault.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except SettingsError as fault:
        refuse(str(fault))
    except LiveryError as fault:
        refuse(f"{fault.message} {fault.next}" if fault.next else fault.message)
    except Exception as fault:
        import asyncpg

        if isinstance(fault, asyncpg.UndefinedTableError):
            refuse("The database has no tables yet, or old ones. Type: livery migrate")
        raise
    sys.exit(result if isinstance(result, int) else 0)


def refuse(line: str) -> NoReturn:
    """End this command with one line that says what is wrong and what to do."""
    click.echo(f"livery: {line}", err=True)
    sys.exit(1)
