"""How statements begin that only read: PostgreSQL reads long answers through a cursor."""

READING = ("SELECT", "DECLARE")
