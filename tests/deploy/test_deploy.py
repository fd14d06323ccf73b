"""The files of deploy/: read by the programs that it is for where they are installed, and held against the gateway."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from monitoring import metrics
from tests.programs import program
from tests.test_settings import Load, load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNIT = (DEPLOY / "fmz-gateway.service").read_text()
BOARD = (DEPLOY / "grafana.json").read_text()

__all__ = ["load"]  # a fixture


def run(*words: str | Path, **options: Any) -> str:
    """Return all that a program says; fail where it fails."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout
    return str(done.stdout)


# systemd ----------------------------------------------------------------------------------------------------------


def test_the_unit_is_one(tmp_path: Path) -> None:
    """systemd looks for the command, which is installed elsewhere here."""
    unit = tmp_path / "fmz-gateway.service"
    unit.write_text(re.sub("^ExecStart=[^ ]+", f"ExecStart={sys.executable}", UNIT, flags=re.MULTILINE))
    assert not run(program("systemd-analyze"), "verify", "--man=no", unit)


def test_the_unit_may_do_little() -> None:
    said = run(
        program("systemd-analyze"), "security", "--offline=true", "--no-pager", "--threshold=15",
        DEPLOY / "fmz-gateway.service",
    )  # fmt: skip
    assert re.search(r"Overall exposure level for fmz-gateway.service: [01]\.\d", said)


def test_the_unit_waits_until_calls_are_answered() -> None:
    [patience] = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert int(patience) > 300 + 5, "the longest DEADLINE, and what gunicorn waits beyond it"


@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that forbids it")
def test_the_gateway_runs_where_memory_that_is_written_is_never_run() -> None:
    code = (
        "import ctypes; assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) in (0, -1); import app, worker, monitoring.files"
    )
    env = {"PATH": os.environ["PATH"], "STATE_URL": "sqlite:////tmp/unused.db", "HOME": "/nonexistent"}
    run(sys.executable, "-c", code, cwd=ROOT, env=env)


# nginx, logrotate -------------------------------------------------------------------------------------------------


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    nginx = program("nginx")
    pair = trustme.CA().issue_cert("gateway.example")
    pair.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    pair.cert_chain_pems[0].write_to_path(tmp_path / "fullchain.pem")
    ours = (DEPLOY / "nginx.conf").read_text()
    ours = ours.replace("/etc/ssl/fmz-gateway", str(tmp_path)).replace("/var/log/nginx", str(tmp_path))
    (tmp_path / "ours.conf").write_text(ours)
    bodies = "".join(f"{name}_temp_path {tmp_path}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
    places = f"client_body_temp_path {tmp_path}/body; {bodies}"
    whole = f"pid {tmp_path}/pid; events {{}} http {{ {places} include {tmp_path}/ours.conf; }}"
    (tmp_path / "nginx.conf").write_text(whole)
    assert "test is successful" in run(nginx, "-t", "-e", tmp_path / "log", "-c", tmp_path / "nginx.conf")


def test_nginx_repeats_no_order_and_logs_no_token() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    assert "proxy_next_upstream off;" in text
    [form] = re.findall(r"log_format fmz_gateway (.*?);", text)
    assert not re.search(r"\$(request|request_uri|args|query_string|http_\w+)\b", form)
    assert re.search(r"access_log \S+ fmz_gateway;", text)


def test_logrotate_takes_its_configuration(tmp_path: Path) -> None:
    logrotate = program("logrotate")
    (tmp_path / "gateway.log").write_text("a line\n")
    ours = (DEPLOY / "logrotate.conf").read_text().replace("/var/log/fmz-gateway", str(tmp_path))
    ours = ours.replace("    su fmz-gateway fmz-gateway\n", "")  # who is not there
    (tmp_path / "logrotate.conf").write_text(ours)
    (tmp_path / "logrotate.conf").chmod(0o644)
    said = run(logrotate, "--debug", "--state", tmp_path / "state", tmp_path / "logrotate.conf")
    assert f"considering log {tmp_path}/gateway.log" in said
    assert "error:" not in said


# Containers -------------------------------------------------------------------------------------------------------


def test_the_image_is_built_by_the_rules() -> None:
    """The rule that is left out wants versions of Debian's packages, and none is installed."""
    hadolint = Path(sys.executable).with_name("hadolint")
    assert not run(hadolint, "--failure-threshold", "style", DEPLOY / "Dockerfile")


def test_the_image_runs_as_nobody_and_asks_for_its_health() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall("^USER (.*)$", text, re.MULTILINE) == ["10001"]
    assert re.search(r'^HEALTHCHECK .* CMD \["fmz-gateway", "health"\]$', text, re.MULTILINE)
    assert "--require-hashes" in text


def test_all_of_the_product_is_in_the_image_and_nothing_else() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    setup = (ROOT / "setup.cfg").read_text()
    [packages] = re.findall(r"\[options.packages.find\]\ninclude =\n((?: +\w+\*\n)+)", setup)
    assert {name.rstrip("*") for name in packages.split()} <= kept
    assert kept - {name.rstrip("*") for name in packages.split()} == {
        "LICENSE", "README.md", "*.py", "pyproject.toml", "setup.cfg", "requirements",
    }  # fmt: skip


def test_the_settings_of_the_containers_are_the_gateways(load: Load) -> None:
    gateway = COMPOSE["services"]["gateway"]
    values = {"TOKEN": "t" * 16, "POSTGRES_PASSWORD": "p"}
    given = {
        name: re.sub(r"\$\{(\w+)[^}]*\}", lambda found: values[found[1]], text)
        for name, text in gateway["environment"].items()
    }
    names = r"^(?:ENV|   ) (XDG_STATE_HOME|BIND|LOG_FORMAT)=(\S+)"
    image = dict(re.findall(names, (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    assert image.keys() == {"XDG_STATE_HOME", "BIND", "LOG_FORMAT"}
    settings = load(**image, **given)
    assert settings.state_url == "postgresql://fmz:p@postgres/fmz"
    assert settings.guarded
    assert settings.log_format == "json"
    assert str(settings.metrics_dir) == "/var/lib/fmz-gateway/metrics"
    assert [volume.partition(":")[2] for volume in gateway["volumes"]] == ["/var/lib/fmz-gateway"]


def test_the_containers_are_shut_up() -> None:
    services = COMPOSE["services"]
    gateway = services["gateway"]
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert all("no-new-privileges:true" in service["security_opt"] for service in services.values())
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:6666:6666"]
    assert {name for name, service in services.items() if "healthcheck" in service} == set(gateway["depends_on"])
    assert (ROOT / "deploy" / gateway["build"]["context"] / gateway["build"]["dockerfile"]).is_file()


def test_the_names_of_the_containers_and_volumes_are_there() -> None:
    """Compose itself would say so; it needs Docker."""
    services = COMPOSE["services"]
    assert COMPOSE.keys() == {"name", "services", "volumes"}
    for service in services.values():
        assert ("image" in service) != ("build" in service)
        assert service.get("depends_on", {}).keys() <= services.keys()
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= COMPOSE["volumes"].keys()
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert set(re.findall(r"^(\w+)=", (DEPLOY / "compose.env.example").read_text(), re.MULTILINE)) == asked


# Prometheus and Grafana -------------------------------------------------------------------------------------------


def expressions(value: object) -> Iterator[str]:
    """Yield every query in what a file says."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name in ("expr", "query") and isinstance(one, str):
                yield one
            yield from expressions(one)
    elif isinstance(value, list):
        for one in value:
            yield from expressions(one)


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yaml"])
def test_every_metric_that_is_asked_for_is_there(name: str) -> None:
    queries = list(expressions(yaml.safe_load((DEPLOY / name).read_text())))
    asked = [used for query in queries for used in re.findall(r"\bfmz_gateway_\w+", query)]
    written = metrics.page({"x": 1}).decode()
    assert len(asked) > 3
    for used in asked:
        kind = re.sub("_(bucket|sum|count)$", "", used)
        assert kind in metrics.NAMES, used
        assert kind == used or f"# TYPE {kind} histogram" in written, used


def test_every_metric_is_on_the_board() -> None:
    for name in metrics.NAMES:
        assert name in BOARD


def test_the_board_has_no_panel_twice() -> None:
    panels = json.loads(BOARD)["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)


def test_the_outcomes_that_are_alarming_are_labels(tmp_path: Path) -> None:
    from protocol.errors import kinds

    used = set(re.findall(r'outcome="(\w+)"', (DEPLOY / "alerts.yaml").read_text()))
    assert used
    assert used <= {kind.label for kind in kinds()}


# Shell ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [".ci/run", ".ci/servers"])
def test_a_script_for_the_shell_has_no_known_mistake(script: str) -> None:
    run(Path(sys.executable).with_name("shellcheck"), "--severity=info", ROOT / script)
