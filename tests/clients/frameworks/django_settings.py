"""Settings of Django's own tests: the cache is the server at NEARHIT_PORT."""

import os

DATABASES = {alias: {"ENGINE": "django.db.backends.sqlite3"} for alias in ("default", "other")}
SECRET_KEY = "of the tests"
USE_TZ = False
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://127.0.0.1:{os.environ['NEARHIT_PORT']}",
    }
}
