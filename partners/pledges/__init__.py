"""Rules about pledges (docs/rules.md). Nothing else writes them.

Each rule locks the organization before it looks and writes; one that starts a pledge locks its request. Calling a rule
twice does no harm. The email about a change is queued in the same transaction. No rule here touches seats.
"""
