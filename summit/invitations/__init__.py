"""Every rule about invitations (docs/rules.md): who starts them, how they are written and taken back, how they are
answered. Seats are given by seats.py alone, mail is sent by imagine.mail.

Who starts locks the event, so that two who start at once never ask one person twice. Who writes or stops locks the
mailing. Who answers locks the event, the contact's organization, the invitation, in this order.
"""
