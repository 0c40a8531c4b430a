-- Schema 1. What was released never changes again: every later change is a step of its own.
-- Whoever made the schema for us need not let us make others.
DO $$ BEGIN
    IF to_regnamespace('spike') IS NULL THEN CREATE SCHEMA spike; END IF;
END $$;

-- What every decision rests on, and who may make any; exactly one row. A change of documents holds
-- this table in EXCLUSIVE mode, a commit of secrets in ROW SHARE mode.
CREATE TABLE spike.epochs (
    one        integer NOT NULL PRIMARY KEY CHECK (one = 1),
    owner      text    NOT NULL CHECK (owner = 'spike-nexus'),
    schema     integer NOT NULL, -- the last step that was expanded
    min_reader integer NOT NULL CHECK (min_reader BETWEEN 1 AND schema),
    counter    bigint  NOT NULL CHECK (counter >= 0),
    tag        bytea   NOT NULL CHECK (octet_length(tag) = 16),
    ring       bigint  NOT NULL CHECK (ring >= 0)
);
INSERT INTO spike.epochs (one, owner, schema, min_reader, counter, tag, ring)
VALUES (1, 'spike-nexus', 1, 1, 0, decode(repeat('00', 16), 'hex'), 0);

-- Never deleted from: a destroyed path keeps its tombstone. `replaced` is the revision before this
-- one, 0 for none: that is how a commit says what it expects to find. No column that changes is
-- indexed and a third of each page stays free, so that an update stays on its page.
CREATE TABLE spike.heads (
    path     text    COLLATE "C" NOT NULL PRIMARY KEY,
    replaced bigint  NOT NULL CHECK (replaced >= 0),
    revision bigint  NOT NULL CHECK (revision > replaced),
    current  bigint  CHECK (current > 0),
    bytes    bytea   NOT NULL,
    key      bigint  NOT NULL,
    mac      bytea   NOT NULL CHECK (octet_length(mac) = 32)
) WITH (fillfactor = 70);

CREATE TABLE spike.records (
    path    text   COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    bytes   bytea  NOT NULL,
    PRIMARY KEY (path, version)
);
-- Ciphertext doesn't get smaller: nobody tries.
ALTER TABLE spike.records ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE spike.documents (
    kind     smallint NOT NULL CHECK (kind BETWEEN 1 AND 4), -- ring, manifest, policy, audit
    name     text     COLLATE "C" NOT NULL,
    revision bigint   NOT NULL CHECK (revision > 0),
    tag      bytea    NOT NULL CHECK (octet_length(tag) = 16),
    bytes    bytea    NOT NULL,
    PRIMARY KEY (kind, name)
);

-- What became of each keyed write. `turn` orders a caller's keys, so that its oldest can give way.
CREATE TABLE spike.write_keys (
    scope   bytea       NOT NULL PRIMARY KEY CHECK (octet_length(scope) = 32),
    digest  bytea       NOT NULL CHECK (octet_length(digest) = 32),
    caller  bytea       NOT NULL CHECK (octet_length(caller) = 32),
    turn    bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    at      bigint      NOT NULL, -- milliseconds since 1970
    commits bytea       NOT NULL
);
CREATE INDEX write_keys_by_caller ON spike.write_keys (caller, turn);
CREATE INDEX write_keys_by_age ON spike.write_keys (at);

-- Whoever isn't the owner of these tables can't get round this: audit documents are only ever
-- inserted, and neither the key ring nor the manifest is ever dropped.
CREATE FUNCTION spike.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'a document of kind % is never %', OLD.kind,
        CASE TG_OP WHEN 'DELETE' THEN 'dropped' ELSE 'changed' END
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_is_only_inserted BEFORE UPDATE ON spike.documents
    FOR EACH ROW WHEN (OLD.kind = 4) EXECUTE FUNCTION spike.refuse();
CREATE TRIGGER only_policies_are_dropped BEFORE DELETE ON spike.documents
    FOR EACH ROW WHEN (OLD.kind <> 3) EXECUTE FUNCTION spike.refuse();
