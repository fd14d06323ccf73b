"""``fmz-gateway new``: what it writes works at once; filled in, it is an exchange, as a file and as a package."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exchanges.kit.scaffold import LIKES, write
from tests.command import PROGRAM, Run
from tests.exchanges.kit.conftest import SMALLEX


@pytest.mark.parametrize("like", LIKES)
def test_a_new_adapter_answers_unsupported(run: Run, tmp_path: Path, like: str) -> None:
    done = run("new", "Newex", "--like", like)
    assert done.returncode == 0, done.stderr
    home = tmp_path / ".local" / "state" / "fmz-gateway" / "exchanges"
    assert done.stdout.split() == [
        f"{home}/newex.py", f"{home}/cases/newex/exchange.json", f"{home}/newex.README.md",
    ]  # fmt: skip
    verified = run("verify", "newex")
    assert verified.returncode == 1
    assert "| declarations | ok | well formed |" in verified.stdout
    assert "| methods | ok | 0 of 13: |" in verified.stdout
    assert "add cases that succeed and cases that fail" in verified.stderr
    described = run("exchanges", "Newex")
    assert "cannot            ticker, depth, records" in described.stdout


def test_a_new_adapter_signs_as_it_says(run: Run, tmp_path: Path) -> None:
    """Check that ``exchange.json`` of each kind fits what is signed, by one call that is filled in."""
    for like in LIKES:
        folder = tmp_path / like
        write("Newex", like, folder, package=False)
        path = folder / "newex.py"
        lines = '    proof = "x"\n\n    def accounts(self):\n        return self.signed("GET", "balances", a="1")\n'
        path.write_text(path.read_text() + "\n" + lines)
        (folder / "reply.json").write_text('[{"got": []}]')
        recorded = run("record", path, "accounts", "--title", "x", "--replies", folder / "reply.json")
        assert recorded.returncode == 0, recorded.stderr
        done = run("verify", path)
        assert "| conversations | ok | 1, to the byte |" in done.stdout, done.stderr
        assert "| signatures | ok | 1 requests as exchange.json signs them; by x |" in done.stdout


def test_nothing_is_overwritten(run: Run, tmp_path: Path) -> None:
    assert run("new", "Newex", "--to", tmp_path).returncode == 0
    (tmp_path / "newex.py").write_text("mine")
    done = run("new", "Newex", "--to", tmp_path)
    assert (done.returncode, "is there already: nothing was written" in done.stderr) == (1, True)
    assert (tmp_path / "newex.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kraken", "Kraken is there already: give another name"),
        ("a-b", "'a-b' cannot be an exchange's name: write letters, digits and _, at most 40"),
    ],
)
def test_a_name_that_cannot_be_one_is_told(run: Run, name: str, said: str) -> None:
    done = run("new", name)
    assert (done.returncode, done.stderr) == (1, f"fmz-gateway: {said}\n")


@pytest.mark.long
def test_an_installed_package_is_an_exchange_and_has_its_own_tests(run: Run, tmp_path: Path) -> None:
    done = run("new", "Smallex", "--package", "--to", tmp_path)
    assert done.returncode == 0, done.stderr
    package = tmp_path / "fmz-gateway-smallex"
    shutil.copy(SMALLEX / "smallex.py", package)
    shutil.rmtree(package / "cases")
    shutil.copytree(SMALLEX / "cases", package / "cases")
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--disable-pip-version-check", "--target", site, package], check=True)
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(site)}
    found = subprocess.run([PROGRAM, "exchanges", "smallex"], env=env, capture_output=True, text=True, check=False)
    assert found.stdout.splitlines()[0].endswith(" Smallex, in package fmz-gateway-smallex 0.1.0"), found.stderr
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=package, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert tests.returncode == 0, tests.stdout
    assert "53 passed, 2 skipped" in tests.stdout
