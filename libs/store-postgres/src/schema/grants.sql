-- For the role that serves requests: rows, not tables. Nothing is ever removed from `heads` or
-- `epochs`; what may happen to documents is narrowed further by triggers.
GRANT USAGE ON SCHEMA spike TO :role;
GRANT SELECT, UPDATE ON spike.epochs TO :role;
GRANT SELECT, INSERT, UPDATE ON spike.heads TO :role;
GRANT SELECT, INSERT, UPDATE, DELETE ON spike.records TO :role;
GRANT SELECT, INSERT, UPDATE, DELETE ON spike.documents TO :role;
GRANT SELECT, INSERT, UPDATE, DELETE ON spike.write_keys TO :role;
