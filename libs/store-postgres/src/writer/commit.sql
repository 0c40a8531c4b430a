WITH now AS MATERIALIZED (
    SELECT counter, tag, ring, min_reader FROM spike.epochs
    WHERE one = 1 AND NOT EXISTS (SELECT FROM spike.epochs WHERE false FOR KEY SHARE)
), wanted AS MATERIALIZED (
    SELECT w.*
    FROM unnest($5::bytea[], $6::bytea[], $7::bytea[], $8::bigint[], $9::bytea[], $10::text[],
                $11::bigint[], $12::bigint[], $13::bigint[], $14::bytea[], $15::bigint[],
                $16::bytea[]) WITH ORDINALITY
         AS w (scope, digest, caller, at, commits, path, replaced, revision, current, bytes, key,
               mac, number)
    WHERE EXISTS (SELECT FROM now WHERE min_reader <= $4
                  AND ($1::bigint IS NULL OR (counter, tag, ring) = ($1, $2::bytea, $3::bigint)))
      AND (SELECT true FROM spike.write_keys k WHERE k.scope = w.scope) IS NULL
      AND (w.path IS NULL OR w.replaced =
           coalesce((SELECT h.revision FROM spike.heads h WHERE h.path = w.path), 0))
), head AS (
    INSERT INTO spike.heads AS h (path, replaced, revision, current, bytes, key, mac)
    SELECT path, replaced, revision, current, bytes, key, mac FROM wanted
    WHERE path IS NOT NULL ORDER BY path COLLATE "C"
    ON CONFLICT (path) DO UPDATE SET
        replaced = excluded.replaced, revision = excluded.revision, current = excluded.current,
        bytes = excluded.bytes, key = excluded.key, mac = excluded.mac
    WHERE h.revision = excluded.replaced
    RETURNING path
), done AS MATERIALIZED (
    SELECT * FROM wanted WHERE path IS NULL OR path IN (SELECT path FROM head)
), used AS (
    INSERT INTO spike.write_keys (scope, digest, caller, at, commits)
    SELECT scope, digest, caller, at, commits FROM done WHERE scope IS NOT NULL ORDER BY scope
), put AS (
    INSERT INTO spike.records (path, version, bytes)
    SELECT p.* FROM unnest($17::text[], $18::bigint[], $19::bytea[]) AS p (path, version, bytes)
    WHERE (p.path IN (SELECT path FROM head)) IS TRUE
    ON CONFLICT (path, version) DO UPDATE SET bytes = excluded.bytes
), dropped AS (
    DELETE FROM spike.records r USING unnest($20::text[], $21::bigint[]) AS d (path, version)
    WHERE r.path = d.path AND r.version = d.version
      AND (d.path IN (SELECT path FROM head)) IS TRUE
)
SELECT counter, tag, ring, min_reader, ARRAY(SELECT number FROM done) AS done FROM now
