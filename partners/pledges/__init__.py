"""Every rule about pledges, and nothing else writes them (docs/rules.md).

Each function locks the organization's row first, then looks, then writes, so that two of them never act on the same
pledge; one that begins locks what was typed to begin it. Each may be called twice without harm. The mail that tells of
a change is written in the same transaction. No rule here reads or writes a seat.
"""
