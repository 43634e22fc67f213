"""The rules about invitations (docs/rules.md): who is invited, how invitations are written, stopped and answered.

Only seats.py gives seats, and only imagine.mail sends email. Starting a mailing locks the event, so that two mailings
never invite one person twice. Writing or stopping it locks the mailing. Answering locks the event, the contact's
organization and the invitation, in this order.
"""
