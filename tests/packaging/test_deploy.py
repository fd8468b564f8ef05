"""What users copy from deploy/: it loads, its fields exist, it holds no secret, and each page answers the
same four questions.
"""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster_cloud_cli.config.models import load_dagster_cloud_yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
PAGES = sorted(DEPLOY.glob("*/README.md"))
FILES = sorted([*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.py")])
QUANTITY = re.compile(r"\d+(m|Ki|Mi|Gi)?")

USER_DEPLOYMENT = {
    "name",
    "image",
    "dagsterApiGrpcArgs",
    "codeServerArgs",
    "includeConfigInLaunchedRuns",
    "deploymentNamespace",
    "port",
    "env",
    "envConfigMaps",
    "envSecrets",
    "annotations",
    "nodeSelector",
    "affinity",
    "tolerations",
    "podSecurityContext",
    "securityContext",
    "resources",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "labels",
    "volumeMounts",
    "volumes",
    "schedulerName",
    "initContainers",
    "sidecarContainers",
    "deploymentStrategy",
}
"""The fields of a code location in Dagster's chart (values.schema.json of dagster-user-deployments, which
allows no others).
"""

K8S_CONFIG = {
    "containerConfig",
    "podSpecConfig",
    "podTemplateSpecMetadata",
    "jobConfig",
    "jobMetadata",
    "jobSpecConfig",
    "mergeBehavior",
}


def loaded(place: str) -> Any:
    return yaml.safe_load((DEPLOY / place).read_text())


def resources_of(container: dict[str, Any]) -> None:
    """A pod is promised scratch disk, and may use no less than it is promised."""
    asked, most = container["resources"]["requests"], container["resources"]["limits"]
    assert "ephemeral-storage" in asked
    assert "ephemeral-storage" in most
    assert all(QUANTITY.fullmatch(str(each)) for each in [*asked.values(), *most.values()])


def test_every_folder_has_a_page_and_the_first_page_names_it() -> None:
    folders = {each.name for each in DEPLOY.iterdir() if each.is_dir() and not each.name.startswith("__")}
    assert {page.parent.name for page in PAGES} == folders
    assert set(re.findall(r"\]\(([\w-]+)/README\.md\)", (DEPLOY / "README.md").read_text())) == folders


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_a_page_says_what_is_shared_what_it_costs_and_what_becomes_of_a_lost_host(page: Path) -> None:
    said = page.read_text()
    for question in (r"\*\*Shared\.\*\*", r"\*\*Cost\.\*\*", r"\*\*A lost (worker|pod|container)\.\*\*"):
        assert re.search(question, said), question
    for target in re.findall(r"\]\(([^)#]+)\)", said):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_file_holds_a_secret(file: Path) -> None:
    assert not re.search(r"pat-\w|://[^\s{]+:[^\s@]+@", file.read_text())


def test_the_settings_of_the_celery_hosts_are_an_instance_that_dagster_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "celery" / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql+psycopg2://postgres/dagster")
    config, _ = dagster_instance_config(str(tmp_path))
    assert config["storage"]["postgres"]["postgres_url"] == {"env": "DAGSTER_POSTGRES_URL"}
    assert config["run_monitoring"]["enabled"] is True


def test_celery_gives_the_step_of_a_lost_worker_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "pyamqp://broker//")
    place = DEPLOY / "celery" / "dagster_celery_config.py"
    spec = importlib.util.spec_from_file_location("dagster_celery_config", place)
    assert spec is not None
    assert spec.loader is not None
    settings: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(settings)
    assert settings.broker_url == "pyamqp://broker//"
    assert settings.task_acks_late
    assert settings.task_reject_on_worker_lost


def test_the_values_of_the_chart_have_its_fields_disk_time_to_end_and_the_secret() -> None:
    values = loaded("kubernetes/values.yaml")
    assert set(values) == {"dagster-user-deployments", "runLauncher", "dagsterDaemon"}
    (code,) = values["dagster-user-deployments"]["deployments"]
    assert set(code) <= USER_DEPLOYMENT
    assert code["envSecrets"] == [{"name": "hubspot"}]
    assert code["includeConfigInLaunchedRuns"] == {"enabled": True}
    launcher = values["runLauncher"]
    assert launcher["type"] == "K8sRunLauncher"
    config = launcher["config"]["k8sRunLauncher"]["runK8sConfig"]
    assert set(config) <= K8S_CONFIG
    resources_of(config["containerConfig"])
    assert config["podSpecConfig"]["terminationGracePeriodSeconds"] >= 110
    assert values["dagsterDaemon"]["runMonitoring"]["enabled"]


def test_the_code_locations_of_dagster_plus_are_such_as_dagster_plus_takes() -> None:
    serverless = load_dagster_cloud_yaml((DEPLOY / "dagster-plus-serverless/dagster_cloud.yaml").read_text())
    hybrid = load_dagster_cloud_yaml((DEPLOY / "dagster-plus-hybrid/dagster_cloud.yaml").read_text())
    assert [each.location_name for each in [*serverless.locations, *hybrid.locations]] == ["crm", "crm"]
    assert hybrid.locations[0].image
    pods = (hybrid.locations[0].container_context or {})["k8s"]
    assert pods["env_secrets"] == ["hubspot"]
    resources_of(pods["run_k8s_config"]["container_config"])
    assert pods["run_k8s_config"]["pod_spec_config"]["termination_grace_period_seconds"] >= 110
