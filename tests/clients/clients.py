"""Which clients and frameworks there are: how each is installed, what runs its tests, and how they are counted."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import counting
import installing
from installing import HERE, program, python_with, source_of

PEERS = Path(os.environ.get("NEARHIT_PEERS", "/tmp/peers")) / "bin"
# The frameworks whose own tests run, as they are published. The tests belong to just this version.
DJANGO = "django==5.2.19"
REQUESTS_CACHE = "requests-cache==1.3.3"


@dataclass
class Run:
    """What runs the tests of one client, beside NEARHIT_PORT."""

    command: list
    count: Callable = counting.of_unittest
    folder: Path = HERE
    environment: dict = field(default_factory=dict)


def redis_py(name, wanted):
    parts = ["acl", "cache", "flows", "pubsub", "semantic", "semantic_cache", "tracking"]
    modules = ["test_redis_py", *(f"test_redis_py_{part}" for part in parts)]
    return unittest_with(python_with(name, wanted), *modules)


def valkey_glide(name, wanted):
    return unittest_with(python_with(name, wanted), "test_valkey_glide")


def handshakes(name):
    """Those of clients whose libraries are not to be had here."""
    return unittest_with(sys.executable, "test_handshakes", "test_handshakes_trust")


def redis_cli(name, path):
    return unittest_with(sys.executable, "test_redis_cli", "test_redis_cli_modes", NEARHIT_CLI=program(path))


def redis_benchmark(name, path):
    return unittest_with(sys.executable, "test_redis_benchmark", NEARHIT_BENCHMARK=program(path))


def unittest_with(python, *modules, **environment):
    command = [python, "-W", "error::ResourceWarning", "-m", "unittest", *modules]
    return Run(command, environment=environment)


def node_redis(name, package):
    return node("test_node_redis.mjs", "test_node_redis_cache.mjs", NODE_REDIS=package)


def ioredis(name):
    return node("test_ioredis.mjs")


def node(*files, **environment):
    """Not side by side: each test empties the server."""
    installing.node_modules()
    command = ["node", "--test", "--test-concurrency=1", "--test-reporter=tap", *files]
    return Run(command, counting.of_node, environment=environment)


def redis_rs(name):
    folder = HERE / "redis-rs"
    installing.crate(folder)
    target = {"CARGO_TARGET_DIR": str(installing.INSTALLED / name)}
    return Run(["cargo", "test", "--locked", "--quiet", "--tests", "--", "--test-threads=1"], counting.of_cargo, folder, target)


def django(name):
    """Django's tests of its Redis cache, and of the sessions that are kept in a cache."""
    labels = ["cache.tests.RedisCacheTests", "sessions_tests.tests.CacheSessionTests", "sessions_tests.tests.CacheDBSessionTests"]
    python, source = python_with(name, DJANGO, "redis>=8,<9"), source_of(name, DJANGO)
    command = [python, "runtests.py", "--settings", "django_settings", "--parallel", "1", *labels]
    return Run(command, counting.of_unittest, source / "tests", {"PYTHONPATH": str(HERE / "frameworks")})


def requests_cache(name):
    """requests-cache's integration tests of its Redis backend."""
    needed = ["redis>=8,<9", "pytest", "pytest-httpbin", "psutil", "requests-mock", "responses", "rich", "tenacity", "time-machine"]
    python, source = python_with(name, REQUESTS_CACHE, *needed), source_of(name, REQUESTS_CACHE)
    command = [python, "-m", "pytest", "-q", "-W", "ignore", "-p", "redis_at_port", "tests/integration/test_redis.py"]
    environment = {"PYTHONPATH": str(HERE / "frameworks"), "USE_PYTEST_HTTPBIN": "true"}
    return Run(command, counting.of_pytest, source, environment)


# Name → what makes its Run, which raises Missing where it cannot be had, and with which arguments.
CLIENTS = {
    "redis-py-6": (redis_py, "redis==6.4.*"),
    "redis-py-7": (redis_py, "redis==7.*"),
    "redis-py-8": (redis_py, "redis==8.*"),
    "node-redis-5": (node_redis, "redis"),
    "node-redis-6": (node_redis, "redis-6"),
    "ioredis": (ioredis,),
    "redis-rs": (redis_rs,),
    "valkey-glide": (valkey_glide, "valkey-glide==2.*"),
    "handshakes": (handshakes,),
    "redis-cli": (redis_cli, "redis-cli"),
    "redis8-cli": (redis_cli, str(PEERS / "redis8-cli")),
    "redis-benchmark": (redis_benchmark, str(PEERS / "redis-benchmark")),
    "django": (django,),
    "requests-cache": (requests_cache,),
}


def prepared(name):
    make, *words = CLIENTS[name]
    return make(name, *words)
