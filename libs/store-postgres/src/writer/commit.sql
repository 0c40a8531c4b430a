WITH now AS MATERIALIZED (
    SELECT counter, tag, ring, min_reader FROM spike.epochs
    WHERE one = 1 AND NOT EXISTS (SELECT FROM spike.epochs WHERE false FOR KEY SHARE)
), wanted AS MATERIALIZED (
    SELECT w.*, w.replaced =
        coalesce((SELECT h.revision FROM spike.heads h WHERE h.path = w.path), 0) AS fits
    FROM unnest($10::bigint[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[],
                $15::bytea[], $16::bigint[], $17::bytea[])
         AS w (batch, path, replaced, revision, current, bytes, key, mac)
), batch AS MATERIALIZED (
    SELECT b.*
    FROM unnest($5::bytea[], $6::bytea[], $7::bytea[], $8::bigint[], $9::bytea[]) WITH ORDINALITY
         AS b (scope, digest, caller, at, commits, number)
    WHERE EXISTS (SELECT FROM now WHERE min_reader <= $4
                  AND ($1::bigint IS NULL OR (counter, tag, ring) = ($1, $2::bytea, $3::bigint)))
      AND NOT EXISTS (SELECT FROM spike.write_keys k WHERE k.scope = b.scope)
      AND NOT EXISTS (SELECT FROM wanted w WHERE w.batch = b.number AND NOT w.fits)
), head AS (
    INSERT INTO spike.heads AS h (path, replaced, revision, current, bytes, key, mac)
    SELECT w.path, w.replaced, w.revision, w.current, w.bytes, w.key, w.mac
    FROM wanted w JOIN batch b ON b.number = w.batch ORDER BY w.path COLLATE "C"
    ON CONFLICT (path) DO UPDATE SET
        replaced = excluded.replaced, revision = excluded.revision, current = excluded.current,
        bytes = excluded.bytes, key = excluded.key, mac = excluded.mac
    WHERE h.revision = excluded.replaced
    RETURNING path
), done AS MATERIALIZED (
    SELECT b.* FROM batch b WHERE NOT EXISTS
        (SELECT FROM wanted w WHERE w.batch = b.number AND w.path NOT IN (SELECT path FROM head))
), key AS (
    INSERT INTO spike.write_keys (scope, digest, caller, at, commits)
    SELECT scope, digest, caller, at, commits FROM done WHERE scope IS NOT NULL ORDER BY scope
), put AS (
    INSERT INTO spike.records (path, version, bytes)
    SELECT p.* FROM unnest($18::text[], $19::bigint[], $20::bytea[]) AS p (path, version, bytes)
    WHERE p.path IN (SELECT path FROM head)
    ON CONFLICT (path, version) DO UPDATE SET bytes = excluded.bytes
), dropped AS (
    DELETE FROM spike.records r USING unnest($21::text[], $22::bigint[]) AS d (path, version)
    WHERE r.path = d.path AND r.version = d.version AND d.path IN (SELECT path FROM head)
)
SELECT counter, tag, ring, min_reader, ARRAY(SELECT number FROM done) AS done FROM now
