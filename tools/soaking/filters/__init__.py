"""What `tools/soak --filters` does: clients that change vector sets with indexes of fields in every way there is, others that
search, count and scan them by filters, and pauses in which all answers are compared with attributes read one by one; in some of
them the server is killed and started again.

words.py makes attributes and expressions, changes.py and looks.py are the clients, pause.py is what a pause compares, run.py
lets them run and judges.
"""
