"""A PostgreSQL server of the tests' own: Debian's binaries, a temporary directory, a Unix socket."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from attrs import define, field

USER = "postgres"


@define
class Server:
    directory: Path
    _numbers: Iterator[int] = field(factory=count, init=False)

    def create_database(self) -> str:
        name = f"test_{next(self._numbers)}"
        with self.connect(USER) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql://{USER}@/{name}?host={self.directory}"

    def connect(self, name: str) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host=str(self.directory), user=USER, dbname=name, autocommit=True)


def binaries() -> Path | None:
    """Return where initdb and pg_ctl are: Debian does not put them on the PATH."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    on_path = shutil.which("initdb")
    if on_path:
        found.insert(0, Path(on_path).parent)
    return next((path for path in found if (path / "initdb").exists()), None)


@contextmanager
def running_server(binaries: Path) -> Iterator[Server]:
    # Not pytest's tmp_path: a socket's path is short, and the server's user must reach it.
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        os.chown(directory, user.pw_uid, user.pw_gid)
        run_as = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    else:
        run_as = []

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*run_as, binaries / program, "-D", directory / "data", *arguments],
            check=True,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    options = (
        f"-c listen_addresses='' -c unix_socket_directories={directory} -c fsync=off -c timezone=Asia/Tokyo"
    )
    try:
        # A locale that sorts unlike code points, and a time zone that is not UTC: neither may matter.
        run(
            "initdb",
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale-provider=icu",
            "--icu-locale=en-US",
            "-N",
        )
        run("pg_ctl", "start", "-w", "-l", str(directory / "log"), "-o", options)
        try:
            yield Server(directory)
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(directory)
