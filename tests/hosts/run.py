"""`make hosts`: Dagster on Postgres, three Celery workers that share no disk, and what the books say in the
end.

python tests/hosts/run.py                           8 syncs of 50,000 rows; about ten minutes
python tests/hosts/run.py --rows 2000               smaller
python tests/hosts/run.py --budget redis            with one of the two budgets

A worker is killed while it sends, and the store's S3 server goes away for some seconds. Its environment is in
.hosts/.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENT = ROOT / ".hosts" / "env"
PACKAGES = ("dagster-celery", "dagster-postgres", "s3fs", "moto[server]")
WORKERS = 3
AWAY = 3.0
"""Seconds for which the S3 server is gone."""
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(HERE)]


def in_its_environment() -> None:
    """Go on in an environment that has Celery; made the first time."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "ready").exists():
        print(f"Making {ENVIRONMENT}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
        pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "-e", f"{ROOT}[redis,postgres,emulator]", *PACKAGES, "hypothesis"], check=True)
        (ENVIRONMENT / "ready").touch()
    if Path(sys.prefix) != ENVIRONMENT:
        os.execv(python, [str(python), *sys.argv])


def run(budget: str, syncs: int, rows: int, minutes: float) -> bool:
    """One run of the job with the budget in Redis or Postgres; whether the books are right."""
    from bench.servers import Postgres, Redis, installed_binaries, new_database
    from processes import Process, RabbitMQ, free_port, listens, wait_for

    from hubspot_batch_dagster.emulator import EmulatorProcess, Settings

    ends = time.monotonic() + minutes * 60
    writes = syncs * rows // 100
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="hubspot-hosts-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        hubspot = stack.enter_context(EmulatorProcess(settings=Settings(search_lag=1.0, latency=0.3)))
        postgres = Postgres(installed_binaries() or Path())
        stack.callback(postgres.stop)
        budget_url = new_database(postgres)
        if budget == "redis":
            redis = Redis()
            stack.callback(redis.stop)
            budget_url = redis.url
        rabbit = RabbitMQ(folder / "rabbitmq")
        stack.callback(rabbit.stop)
        port = free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(str(each) for each in (ROOT, HERE, ROOT / "deploy" / "celery")),
            "DAGSTER_POSTGRES_URL": new_database(postgres).replace("+psycopg:", "+psycopg2:"),
            "CELERY_BROKER_URL": rabbit.url,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "hosts",
            "AWS_SECRET_ACCESS_KEY": "hosts",
            "AWS_DEFAULT_REGION": "us-east-1",
            "HUBSPOT_ACCESS_TOKEN": hubspot.token,
            "HUBSPOT_BASE_URL": hubspot.url,
            "HUBSPOT_STORE": "s3://hosts/hubspot",
            "HUBSPOT_JOURNAL_URL": new_database(postgres),
            "HUBSPOT_BUDGET_URL": budget_url,
            "HOSTS_SYNCS": str(syncs),
            "HOSTS_ROWS": str(rows),
        }

        def start(name: str, *command: str) -> Process:
            """A process of a host of its own: home, working directory and scratch folder are nobody
            else's.
            """
            home = folder / name
            for each in ("dagster", "work", "tmp"):
                (home / each).mkdir(parents=True)
            shutil.copy(ROOT / "deploy" / "celery" / "dagster.yaml", home / "dagster" / "dagster.yaml")
            own = {"HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), "TMPDIR": str(home / "tmp")}
            process = Process(
                name,
                [sys.executable, *command],
                home / "work",
                {**environment, **own, "PWD": str(home / "work")},
            )
            stack.callback(process.stop)
            return process

        s3 = start("s3", str(HERE / "s3_server.py"), str(port), str(AWAY))
        wait_for("the S3 server", lambda: listens(port), 60)
        make = "import s3fs; s3fs.S3FileSystem().mkdir('hosts')"
        subprocess.run([sys.executable, "-c", make], env=environment, check=True, timeout=60)
        workers = [
            start(
                f"worker-{n}",
                *("-m", "celery", "-A", "dagster_celery.app", "worker", "-n", f"w{n}@host{n}", "-c", "2"),
                *("-Q", "dagster", "-l", "info", "--without-gossip", "--without-mingle"),
            )
            for n in range(WORKERS)
        ]
        wait_for("the workers", lambda: all("ready" in each.tail(20_000) for each in workers), 120)

        def launched(name: str) -> Process:
            return start(
                name, "-m", "dagster", "job", "execute", "-m", "hosts_definitions", "-j", "everything"
            )

        def sent() -> int:
            return int(hubspot.call("GET", "status")["requests"])

        def left() -> float:
            return max(1.0, ends - time.monotonic())

        began = time.monotonic()
        job = launched("first")
        try:
            wait_for("a third of the requests", lambda: sent() > writes / 3 or job.status is not None, left())
            victim = next(each for each in workers if "execute_plan" in each.tail(50_000))
            victim.kill()
            print(f"{budget}: a worker killed after {sent()} of {writes} requests", flush=True)
            wait_for("two thirds of them", lambda: sent() > writes * 2 / 3 or job.status is not None, left())
            s3.signal(signal.SIGUSR1)
            print(f"{budget}: the S3 server away for {AWAY:g} s after {sent()} requests", flush=True)
            wait_for("the end of the job", lambda: job.status is not None, left())
            took, status, before = time.monotonic() - began, job.status, sent()
            again = launched("again")
            wait_for("the end of the second job", lambda: again.status is not None, left())
        except TimeoutError as error:
            print(f"FAIL {budget}: {error}\n{job.tail()}")
            print(*(each.tail(1500) for each in workers), sep="\n----\n")
            return False
        names = Counter(each["name"] for each in hubspot.records("companies").values())
        wanted = {f"{number}-{at}" for number in range(syncs) for at in range(rows)}
        books = hubspot.books
        doubled = sum(n > 1 for n in names.values())
        lost, refused = len(wanted - set(names)), books.refused
        right = not (doubled or lost or refused) and (status, again.status) == (0, 0)
        print(
            f"{'ok  ' if right else 'FAIL'} {budget}: {syncs} x {rows:,} rows in {took:.0f} s, {before}"
            f" requests; doubled {doubled}, lost {lost}, 429 {refused}, most in 10 s {books.max_in_window()};"
            f" the job ended with {status}, a second one with {again.status} after {sent() - before} more"
            " requests",
            flush=True,
        )
        if not right:
            print(job.tail(), again.tail(), sep="\n----\n")
        return right


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=50_000, help="rows of a sync")
    parser.add_argument("--syncs", type=int, default=8)
    parser.add_argument("--budget", choices=("redis", "postgres"), nargs="+", default=["redis", "postgres"])
    parser.add_argument("--minutes", type=float, default=20, help="after which a run is given up")
    given = parser.parse_args()
    in_its_environment()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # whoever ends this ends all that it started
    from processes import reason_to_skip

    reason = reason_to_skip()
    if reason is not None:
        print(reason)
        return 2
    right = [run(each, given.syncs, given.rows, given.minutes) for each in given.budget]
    return int(not all(right))


if __name__ == "__main__":
    sys.exit(main())
