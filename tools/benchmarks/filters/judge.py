"""How good answers are: what part of the right ones they hold, and how many are shorter than they
have to be.
"""


def judge(case, found):
    """`recall`: the mean over all queries that have right answers; `short`: answers with fewer
    elements than there are right ones. Elements as near as the last right one are right too.
    """
    recalls, short = [], 0
    for rows, near, right in zip(found, case["near"], case["right"]):
        if right:
            recalls.append(min(right, len(set(rows) & set(near))) / right)
        short += len(rows) < right
    return {"recall": sum(recalls) / len(recalls) if recalls else None, "short": short}
