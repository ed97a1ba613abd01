"""What all tests share, and which of them are real: those that `python scripts/test.py --quick` leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Folders and modules whose tests start daemons, engines, browsers, sandboxes, network namespaces or servers on real ports, load
# models, or take seconds.
REAL = (
    "api",
    "backends/test_broken_libraries.py",
    "backends/test_adapters.py",
    "backends/test_books.py",
    "backends/test_cache.py",
    "backends/test_contract.py",
    "backends/test_engine.py",
    "backends/test_folders.py",
    "backends/test_library.py",
    "backends/test_load_log.py",
    "backends/test_lockstep.py",
    "backends/test_managed_server.py",
    "backends/test_memories.py",
    "backends/test_quantization.py",
    "backends/test_step_engine.py",
    "backends/test_survival.py",
    "backends/test_suspects.py",
    "backends/test_tools.py",
    "backends/test_vllm.py",
    "bench",
    "chat/test_narrowing.py",
    "cli/test_command_line.py",
    "cli/test_embedding_wish.py",
    "cli/test_ask.py",
    "cli/test_prepare.py",
    "cli/test_printed_commands.py",
    "cli/test_program_name.py",
    "cli/test_terminal.py",
    "cli/test_vote.py",
    "confined",
    "environment/test_install.py",
    "environment/test_package_index.py",
    "hardening",
    "mcp_server",
    "models/test_downloader.py",
    "models/test_tensor_types.py",
    "models/test_unruly_hub.py",
    "network/federation/test_benchmark.py",
    "network/federation/test_federation.py",
    "network/test_commands.py",
    "network/test_interfaces_come_and_go.py",
    "network/test_on_a_lan.py",
    "network/test_service.py",
    "network/trust/test_charters.py",
    "network/trust/test_tokens.py",
    "sandbox",
    "starter",
    "swarm/test_vectors.py",
    "voting/test_behaviour.py",
    "voting/test_cross_consensus.py",
    "voting/test_embedding.py",
    "test_conversation.py",
    "test_daemon.py",
    "test_entry.py",
    "test_guide.py",
    "test_hostile.py",
    "test_main_job.py",
    "test_mixed.py",
    "test_node.py",
    "test_offline.py",
    "test_privacy.py",
    "test_screen.py",
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def is_real(path: Path) -> bool:
    """Whether all tests of a module, or of a folder that it lies in, are real."""
    return any(path.is_relative_to(HERE / name) for name in REAL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_real(item.path):
            item.add_marker(pytest.mark.real)
