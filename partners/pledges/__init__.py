"""Rules about pledges (docs/rules.md). Only these rules write pledges.

Each rule locks the organization before it reads and writes; a rule that starts a pledge locks its request. Calling a
rule twice does no harm. The email about a change is queued in the same transaction. No rule here changes seats.
"""
