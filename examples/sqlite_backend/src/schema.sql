-- What series hold, and what else there is to know of them. `at` is when a value was set, or until when it
-- counts. ANY keeps an integer an integer and a float a float.
CREATE TABLE IF NOT EXISTS cell (
    family TEXT, labels TEXT, owner TEXT, field INTEGER, -- which one
    name TEXT, created REAL, at REAL, value ANY,
    PRIMARY KEY (family, labels, owner, field)
) STRICT, WITHOUT ROWID;
