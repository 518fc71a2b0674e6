"""A plugin of pytest for suites that know only Redis' usual port: redis-py's own default becomes NEARHIT_PORT."""

import functools
import os

import redis

PORT = int(os.environ["NEARHIT_PORT"])


def with_default_port(init):
    @functools.wraps(init)
    def with_port(self, *args, **options):
        init(self, *args, **({"port": PORT} | options))

    return with_port


redis.Redis.__init__ = with_default_port(redis.Redis.__init__)
