"""nearhit as a cache: hit rates beside exact simulations of the same policies, and what life at the
limit costs, beside Redis.

traces.py makes the streams of requests, simulate.py replays them through other policies, hits.py
through a server; limit.py writes at the limit of memory, stalls.py lets much expire and be evicted
at once, touch.py measures what remembering uses costs, answers.py compares the policies of a
semantic cache, and its forecasts with what happens.
"""

from .. import build
from . import answers, hits, limit, stalls, touch

HELP = "hit rates beside exact simulations; writes, searches and stalls at the limit of memory; the cost of remembering uses"
SCENES = {"hits": hits, "limit": limit, "stalls": stalls, "touch": touch, "answers": answers}


def add_arguments(parser):
    """Which scenes, and how much of each."""
    parser.add_argument("--only", default=",".join(SCENES), type=lambda text: text.split(","), help="which of %(default)s")
    parser.add_argument("--times", type=float, default=1, help="so many times the requests and the seconds (%(default)g)")


def run(args, programs):
    """Measures scene after scene; whether all were measured."""
    figures, complete = {}, True
    for name in args.only:
        build.say(name)
        found, done = SCENES[name].run(args, programs)
        figures[name] = found
        complete &= done
    return figures, complete
