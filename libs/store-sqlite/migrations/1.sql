-- Format 1. Every change of the format is a new file: this one never changes again.
PRAGMA application_id = 0x53706b65; -- "Spke"
PRAGMA user_version = 1;

-- What every decision rests on; exactly one row.
CREATE TABLE epochs (
    only    INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    counter INTEGER NOT NULL,
    tag     BLOB    NOT NULL,
    ring    INTEGER NOT NULL
) STRICT;
INSERT INTO epochs (only, counter, tag, ring) VALUES (1, 0, zeroblob(16), 0);

-- Never deleted from: a destroyed path keeps its tombstone.
CREATE TABLE heads (
    id       INTEGER NOT NULL PRIMARY KEY,
    path     TEXT    NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    current  INTEGER,
    bytes    BLOB    NOT NULL,
    key      INTEGER NOT NULL,
    mac      BLOB    NOT NULL
) STRICT;

CREATE TABLE records (
    head    INTEGER NOT NULL,
    version INTEGER NOT NULL,
    bytes   BLOB    NOT NULL,
    PRIMARY KEY (head, version)
) STRICT;

CREATE TABLE documents (
    kind     INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    tag      BLOB    NOT NULL,
    bytes    BLOB    NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT;

-- What became of each keyed write. `turn` counts a caller's keys, so that its oldest can give way
-- without anything being counted.
CREATE TABLE write_keys (
    scope   BLOB    NOT NULL PRIMARY KEY,
    digest  BLOB    NOT NULL,
    caller  BLOB    NOT NULL,
    turn    INTEGER NOT NULL,
    at      INTEGER NOT NULL, -- milliseconds since 1970
    commits BLOB    NOT NULL,
    UNIQUE (caller, turn)
) STRICT;
CREATE INDEX write_keys_by_age ON write_keys (at);
