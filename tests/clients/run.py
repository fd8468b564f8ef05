"""`make clients`: clients that others wrote work against the emulator, each in an environment of its own in
.clients/.

python tests/clients/run.py                 all of them
python tests/clients/run.py s6r-hubspot     one of them
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HOME = ROOT / ".clients"
sys.path.insert(0, str(ROOT))

from hubspot_batch_dagster.emulator import EmulatorProcess, Settings  # noqa: E402


@dataclass(frozen=True)
class Client:
    """A client.

    Attributes:
        name: Its package.
        script: What it does here; it ends with another status than 0 if something is wrong.
        npm: Whether it comes from npm and runs in Node; else it comes from PyPI.
    """

    name: str
    script: str
    npm: bool = False

    @property
    def folder(self) -> Path:
        return HOME / self.name.rpartition("/")[2]

    def make(self) -> None:
        """Make the environment; it is there already the second time."""
        if self.npm:
            if not (self.folder / "node_modules").exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(self.folder)]
                subprocess.run([*npm, self.name], check=True)
            return
        python = self.folder / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(self.folder)], check=True)
            pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
            subprocess.run([*pip, self.name], check=True)

    def command(self) -> list[str]:
        if not self.npm:
            return [str(self.folder / "bin" / "python"), str(HERE / self.script)]
        shutil.copy(HERE / self.script, self.folder / self.script)  # Node looks for modules beside the script
        return ["node", str(self.folder / self.script)]

    def run(self) -> bool:
        """Run the script against an emulator; whether it passes."""
        with EmulatorProcess(settings=Settings(search_lag=0.0)) as hubspot:
            kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
            environment = {
                **kept,
                "PYTHONPATH": str(HERE / "redirect"),
                "EMULATOR_URL": hubspot.url,
                "HUBSPOT_ACCESS_TOKEN": hubspot.token,
                "CLIENT_BIN": str(self.folder / "bin"),
            }
            done = subprocess.run(
                self.command(), env=environment, capture_output=True, text=True, timeout=300, check=False
            )
        print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {self.name}")
        if done.returncode != 0:
            print(done.stdout[-2000:] + done.stderr[-3000:])
        return done.returncode == 0


CLIENTS = (
    Client("drt-core", "use_drt_core.py"),
    Client("s6r-hubspot", "use_s6r_hubspot.py"),
    Client("hubspotctl", "use_hubspotctl.py"),
    Client("meltano-tap-hubspot", "use_tap_hubspot.py"),
    Client("@hubspot/api-client", "use_api_client.mjs", npm=True),
)


def main(names: list[str]) -> int:
    known = {client.name: client for client in CLIENTS}
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"There is no client {', '.join(unknown)}. There are: {', '.join(known)}")
        return 2
    failed = []
    for client in [known[name] for name in names] or CLIENTS:
        client.make()
        if not client.run():
            failed.append(client.name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
