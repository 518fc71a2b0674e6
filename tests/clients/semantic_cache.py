"""A semantic cache around a function, as the README has it; here as a decorator.

    @semantic_cache(redis, "answers", embed)
    def answer(question): ...

`embed` makes a vector of a text. A question that is near to an earlier one gets its answer where the cache is sure enough
(`max_error`); else the function is called, and what it returns is compared with what the cache had, so that it learns.
"""

import functools
import hashlib
import struct


def semantic_cache(redis, key, embed, max_error=0.05, ttl_s=86400, is_same=lambda a, b: a == b):
    """Decorates functions from a text to a text. `is_same`: two answers say the same."""

    def decorate(function):
        @functools.wraps(function)
        def cached(question):
            vector = embed(question)
            blob = struct.pack(f"<{len(vector)}f", *vector)
            found = redis.execute_command("VCACHE.GET", key, "FP32", blob, "MAXERROR", max_error)
            verdict = found[0]
            if verdict == b"hit":
                return found[5].decode()
            answer = function(question)
            name = hashlib.sha1(question.encode()).hexdigest()
            words = ["VCACHE.SET", key, name, "FP32", blob, answer, "EX", ttl_s]
            if verdict == b"explore":
                words += ["AFTER", found[6], int(is_same(found[5].decode(), answer))]
            redis.execute_command(*words)
            return answer

        return cached

    return decorate
