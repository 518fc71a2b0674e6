"""What tools/soak does: writers far beyond the limit of memory, a searcher that checks what it
gets, a watch over memory.

vectors.py makes the vectors, ledger.py keeps until when each element may be seen, writer.py and
searcher.py are the processes beside the server, watch.py samples its memory, cgroup.py moves its
limit, report.py draws and judges. filters/ is for tools/soak --filters.
"""
