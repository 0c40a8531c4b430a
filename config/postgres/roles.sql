-- Two roles and a database for Spike. Run it once, as a superuser or as the administrator of a managed
-- server:
--
--   psql -d postgres -f config/postgres/roles.sql
--   psql -d postgres -c '\password spike_owner'
--   psql -d postgres -c '\password spike_nexus'
--
-- The roles begin without a password, so nobody gets in with one. \password asks for it and sends what is
-- derived from it: no list of processes, history or log of the server ever holds it.
--
-- `spike_owner` owns the schema and changes it (`nexus store schema`); nothing that serves knows its
-- password. `spike_nexus` is whom every Nexus logs in as: it reads and writes rows, and can neither
-- alter, drop or truncate a table nor switch off a trigger. Its rights come from
-- `nexus store schema expand --grant spike_nexus`, to be repeated with each new version.
\set ON_ERROR_STOP on

CREATE ROLE spike_owner LOGIN;

-- At most so many connections at once, so that a fault of Spike's leaves some to everyone else:
-- three Nexus of 12, as many again during a rollout, and a few to spare.
CREATE ROLE spike_nexus LOGIN CONNECTION LIMIT 80
    NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- The administrator of a managed server may give databases only to roles that it is a member of.
GRANT spike_owner TO CURRENT_USER;
CREATE DATABASE spike OWNER spike_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE spike FROM PUBLIC;
GRANT CONNECT ON DATABASE spike TO spike_nexus;

\connect spike
-- Before version 15 everyone could make objects there.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
