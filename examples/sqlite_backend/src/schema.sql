BEGIN IMMEDIATE;
-- One row: which life of the database this is. Lost with what it holds.
CREATE TABLE IF NOT EXISTS store (incarnation INTEGER) STRICT;
INSERT INTO store SELECT 1 + abs(random() >> 1) WHERE NOT EXISTS (SELECT * FROM store);
-- The number of each client's last batch, and until when the client is taken for alive.
CREATE TABLE IF NOT EXISTS client (id TEXT PRIMARY KEY, number INTEGER, until REAL) STRICT;
CREATE TABLE IF NOT EXISTS family (name TEXT PRIMARY KEY, identity BLOB, details BLOB) STRICT;
-- What series hold. The owner is a client, '' for everyone, 'note' for a text, 'touch' for nothing but
-- that the series is there; `alive` is the client that a value goes with, if it does. ANY keeps an
-- integer an integer and a float a float.
CREATE TABLE IF NOT EXISTS cell (
    family TEXT REFERENCES family ON DELETE CASCADE, labels TEXT, owner TEXT, field INTEGER,
    name TEXT, alive TEXT REFERENCES client ON DELETE CASCADE, created REAL, value ANY, at REAL,
    PRIMARY KEY (family, labels, owner, field)) STRICT, WITHOUT ROWID;
COMMIT;
