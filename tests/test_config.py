from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local_swarm.config import ALIASES, Alias, keys, load, settings
from local_swarm.errors import UsageError


def file(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_are_complete_and_safe() -> None:
    config = load(environment={})
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8000)
    assert (config.swarm.min_instances, config.swarm.max_instances, config.swarm.patience_s) == (2, 8, 60.0)
    assert (config.hardware.gpu_memory_fraction, config.hardware.ram_fraction) == (1.0, 0.5)
    assert config.models_folder.is_absolute()


def test_file_then_environment_then_flags(tmp_path: Path) -> None:
    path = file(tmp_path, "server:\n  port: 1001\nswarm:\n  timeout: 5\n  instances: 3\n")
    assert load(path, environment={}).server.port == 1001
    environment = {"LOCAL_SWARM_SERVER_PORT": "1002", "LOCAL_SWARM_SWARM_INSTANCES": "4"}
    assert load(path, environment=environment).server.port == 1002
    config = load(path, {"server.port": 1003, "swarm.instances": None}, environment)
    assert (config.server.port, config.swarm.instances, config.swarm.patience_s) == (1003, 4, 5.0)


def test_other_variables_with_the_prefix_are_no_settings() -> None:
    load(environment={"LOCAL_SWARM_HOME": "/x", "LOCAL_SWARM_OFFLINE": "1"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("server:\n  prot: 1\n", "Did you mean server.port"),
        ("sever:\n  port: 1\n", "sever.port"),
        ("server: 3\n", "no setting 'server'"),
        ("server:\n  port: eight\n", "server.port must be a whole number, not 'eight'"),
        ("server:\n  port: true\n", "server.port must be a whole number, not"),
        ("server:\n  port: 1.5\n", "server.port must be a whole number, not"),
        ("server:\n  host: 3\n", "server.host must be text"),
        ("swarm:\n  consensus_strategy: loudest\n", "must be one of auto"),
        ("server:\n  port: 70000\n", "server.port must be between 0 and 65535, not 70000"),
        ("hardware:\n  ram_fraction: 50\n", "hardware.ram_fraction must be between 0 and 1"),
        ("hardware:\n  ram_fraction: .nan\n", "must be between"),
        ("swarm:\n  min_instances: 9\n", "must not be larger than swarm.max_instances"),
        ("network:\n  enabled: perhaps\n", "network.enabled must be true or false"),
        ("federation:\n  mode: distributed\n", "does not exist yet"),
        ("federation:\n  discovery:\n    methd: mdns\n", "Did you mean federation.discovery.method"),
        ("federation:\n  discovery:\n    method: pigeon\n", "must be one of auto, mdns, broadcast, static"),
        ("models:\n  preferred_models: 3\n", "must be a list of names"),
        ("models:\n  preferred_models: []\n", "must be a list of names"),
        ("models:\n  kv_type: q2\n", "must be one of auto, f16, q8_0"),
        ("- a\n- b\n", "mapping"),
        ("{unclosed", "no valid YAML"),
    ],
)
def test_a_mistake_is_a_sentence_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load(file(tmp_path, text), environment={})


def test_an_empty_file_is_fine_and_a_missing_one_is_not(tmp_path: Path) -> None:
    load(file(tmp_path, ""), environment={})
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "none.yaml", environment={})


def test_a_whole_number_is_a_number_too(tmp_path: Path) -> None:
    assert load(file(tmp_path, "hardware:\n  ram_fraction: 1\n"), environment={}).hardware.ram_fraction == 1.0


def test_config_cannot_be_changed_later() -> None:
    config = load(environment={})
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.server.port = 1  # type: ignore[misc]


def test_every_key_has_a_section_and_a_name() -> None:
    assert all(key.count(".") >= 1 for key in keys())


SEED = """
server: {host: 127.0.0.1, port: 8000}
swarm: {consensus_strategy: similarity, min_instances: 2, max_instances: 8, timeout: 60}
models: {cache_dir: ~/.local_swarm/models, preferred_models: [qwen2.5-coder, deepseek-coder, codellama]}
hardware: {gpu_memory_fraction: 1.0, ram_fraction: 0.5}
network: {enabled: true, discovery_port: 8765, federation_port: 8766, advertise_interval: 30, max_peers: 10, auth_token: secret}
federation:
  enabled: true
  mode: independent
  discovery: {method: mdns}
  communication: {port: 8766, timeout: 5}
  auth: {enabled: true, token: secret}
  consensus: {strategy: weighted, min_peers: 0, max_peers: 10}
"""


def test_every_setting_of_the_first_design_is_known(tmp_path: Path) -> None:
    config = load(file(tmp_path, SEED), environment={})
    assert config.models.preferred_models == ("qwen2.5-coder", "deepseek-coder", "codellama")
    assert (config.network.auth_token, config.federation.auth.token) == ("secret", "secret")
    assert (config.federation.communication.silence_s, config.federation.consensus.max_peers) == (5.0, 10)


FEDERATION = """
federation:
  enabled: true
  mode: independent
  discovery:
    method: mdns
    port: 8765
    advertise_interval: 30
  communication:
    port: 8766
    timeout: 30
  auth:
    enabled: true
    token: a-long-shared-secret
  consensus:
    strategy: weighted
    min_peers: 0
    max_peers: 10
"""


def test_the_federation_block_of_the_first_design_loads_as_it_stands(tmp_path: Path) -> None:
    made = load(
        file(tmp_path, FEDERATION.replace("8765", "9765").replace("interval: 30", "interval: 7")), environment={}
    )
    assert (made.network.discovery_port, made.network.advertise_interval_s) == (9765, 7.0)
    assert made.network.auth_token == "a-long-shared-secret"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("eth0", ("eth0",)),
        ("[lo]", ("lo",)),
        ("[eth0, 'fe80::1', 10.8.0.2]", ("eth0", "fe80::1", "10.8.0.2")),
        ("' eth0, 10.8.0.2,,'", ("eth0", "10.8.0.2")),
        ("null", None),
    ],
)
def test_interfaces_are_a_list_or_names_with_commas(tmp_path: Path, text: str, names: tuple[str, ...] | None) -> None:
    made = load(file(tmp_path, f"network:\n  interfaces: {text}\n  peers: {text}\n"), environment={})
    assert made.network.interfaces == made.network.peers == names


def test_a_variable_that_is_no_yaml_is_text() -> None:
    made = load(environment={"LOCAL_SWARM_NETWORK_PEERS": "[fe80::1%eth0]:8766", "LOCAL_SWARM_NETWORK_NAME": "@home"})
    assert made.network.peers == ("[fe80::1%eth0]:8766",) and made.network.name == "@home"


@pytest.mark.parametrize("alias", ALIASES, ids=lambda alias: alias.key)
def test_a_setting_of_two_names_has_one_value(tmp_path: Path, alias: Alias) -> None:
    value, other = ("false", "true") if alias.inverted else ("7", "7")
    for key, said in ((alias.key, value), (alias.of, other)):
        made = config(tmp_path, {key: said})
        assert str(made[alias.key]).lower() == value and str(made[alias.of]).lower() == other, key


def config(folder: Path, said: Mapping[str, str]) -> dict[str, Any]:
    """Settings by key, of a file that says these."""
    text = "".join(f"{key}: {value}\n" for key, value in said.items())
    return {one.key: one.value for one in settings(file(folder, text), environment={})}


def test_the_stronger_source_wins_under_either_name(tmp_path: Path) -> None:
    path = file(tmp_path, "federation: {communication: {port: 9000}, auth: {enabled: false}}\n")
    environment = {"LOCAL_SWARM_NETWORK_FEDERATION_PORT": "9001", "LOCAL_SWARM_NETWORK_INSECURE_LAN": "false"}
    assert load(path, environment={}).network.federation_port == 9000
    assert load(path, environment={}).network.insecure_lan
    config = load(path, environment=environment)
    assert config.network.federation_port == config.federation.communication.port == 9001
    assert not config.network.insecure_lan and config.federation.auth.enabled
    assert load(path, {"network.insecure_lan": True}, environment).network.insecure_lan


def test_a_second_name_that_says_nothing_leaves_the_first(tmp_path: Path) -> None:
    said = {"network.insecure_lan": "true", "federation.auth.enabled": "true", "federation.auth.token": "null"}
    made = config(tmp_path, {**said, "network.auth_token": "x", "federation.consensus.max_peers": "0"})
    assert made["network.insecure_lan"] is True and made["federation.auth.enabled"] is False
    assert made["federation.auth.token"] == "x" and made["network.max_peers"] == 0


def test_a_mistake_names_the_line_the_variable_or_the_command_line(tmp_path: Path) -> None:
    path = file(tmp_path, "server:\n  host: 127.0.0.1\n  port: x\n")
    with pytest.raises(UsageError, match=r"settings\.yaml, line 3: server\.port must be"):
        load(path, environment={})
    with pytest.raises(UsageError, match=r"^LOCAL_SWARM_SERVER_PORT: server\.port must be"):
        load(path, environment={"LOCAL_SWARM_SERVER_PORT": "x"})
    with pytest.raises(UsageError, match=r"^command line: server\.port must be between"):
        load(path, {"server.port": 70_000}, {})


def test_deep_settings_have_variables_too_and_lists_take_commas() -> None:
    environment = {
        "LOCAL_SWARM_FEDERATION_COMMUNICATION_TIMEOUT": "7",
        "LOCAL_SWARM_NETWORK_ENABLED": "false",
        "LOCAL_SWARM_MODELS_PREFERRED_MODELS": "gpt-oss, auto",
    }
    config = load(environment=environment)
    assert config.federation.communication.silence_s == 7.0 and config.network.enabled is False
    assert config.models.preferred_models == ("gpt-oss", "auto")
    with pytest.raises(UsageError, match=r"LOCAL_SWARM_SERVER_PORT: .* must be a whole number, not '\{'"):
        load(environment={"LOCAL_SWARM_SERVER_PORT": "{"})
