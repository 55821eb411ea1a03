-- The lines of many httpds in PostgreSQL 13 or later; docs/machines.md tells how, rsyslog.conf sends them.
--
--   sudo -u postgres createdb --encoding=UTF8 --template=template0 reqnotes
--   sudo -u postgres psql -v ON_ERROR_STOP=1 -q -d reqnotes <postgresql.sql
--
-- May be run again at any time: it changes functions and rights, and keeps what is stored.

BEGIN;

DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'this database must have the encoding UTF8';
    END IF;
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    IF to_regrole('reqnotes_writer') IS NULL THEN CREATE ROLE reqnotes_writer LOGIN; END IF;
    IF to_regrole('reqnotes_reader') IS NULL THEN CREATE ROLE reqnotes_reader NOLOGIN; END IF;
END $$;

-- Each byte but NUL is a character of LATIN1, so no byte of a line can be refused on its way. A
-- statement that is given up is a line that is lost.
ALTER ROLE reqnotes_writer SET client_encoding = 'LATIN1';
ALTER ROLE reqnotes_writer SET standard_conforming_strings = on;
ALTER ROLE reqnotes_writer SET statement_timeout = 0;
ALTER ROLE reqnotes_writer SET lock_timeout = 0;

CREATE SCHEMA IF NOT EXISTS reqnotes;

-- `id` is the hash of host, place in the file, and line: what is sent twice is stored once, and two
-- equal lines are two. Of a value that is longer than 256 characters, a column has the beginning,
-- as an index takes no more; `record` has all of it.
CREATE TABLE IF NOT EXISTS reqnotes.line (
    id          uuid        PRIMARY KEY,
    host        text        NOT NULL,
    kind        text        NOT NULL,   -- access or error
    time        timestamptz NOT NULL,
    trace_id    text,
    span_id     text,
    user_id     text,
    api_key     text,
    api_method  text,
    vhost       text,
    status      integer,
    duration_us bigint,
    level       text,
    record      jsonb       NOT NULL
);
CREATE INDEX IF NOT EXISTS line_time  ON reqnotes.line (time);
CREATE INDEX IF NOT EXISTS line_trace ON reqnotes.line (trace_id);
CREATE INDEX IF NOT EXISTS line_user  ON reqnotes.line (user_id, time) WHERE user_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS line_key   ON reqnotes.line (api_key, time) WHERE api_key IS NOT NULL;

-- Lines that are no record: half a line of a process that was killed, and what else is in the file.
CREATE TABLE IF NOT EXISTS reqnotes.unread (
    id     uuid        PRIMARY KEY,
    host   text        NOT NULL,
    kind   text        NOT NULL,
    taken  timestamptz NOT NULL DEFAULT now(),
    reason text        NOT NULL,
    line   bytea       NOT NULL
);
CREATE INDEX IF NOT EXISTS unread_taken ON reqnotes.unread (taken);

-- What jsonb refuses and JSON allows, as the replacement character: U+0000, and half a pair of
-- surrogates. An application can write these in a field with type=json.
CREATE OR REPLACE FUNCTION reqnotes.readable(line text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN line::jsonb;
EXCEPTION WHEN untranslatable_character OR invalid_text_representation THEN
    line := regexp_replace(line, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g');
    line := regexp_replace(line, '(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})(?!\\ud[c-f][0-9a-f]{2})', '\1\\ufffd', 'gi');
    line := regexp_replace(line, '(?<!\\ud[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})', '\\ufffd', 'gi');
    RETURN line::jsonb;
END $$;

CREATE OR REPLACE FUNCTION reqnotes.store(id uuid, host text, kind text, line bytea) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    record jsonb;
BEGIN
    record := reqnotes.readable(convert_from(line, 'UTF8'));
    INSERT INTO reqnotes.line VALUES (id, left(host, 256), kind, (record->>'time')::timestamptz,
        left(record->>'trace_id', 256), left(record->>'span_id', 256), left(record->>'user_id', 256),
        left(record->>'api_key', 256), left(record->>'api_method', 256), left(record->>'vhost', 256),
        (record->>'status')::integer, (record->>'duration_us')::bigint, left(record->>'level', 256), record)
    ON CONFLICT DO NOTHING;
EXCEPTION WHEN OTHERS THEN
    INSERT INTO reqnotes.unread VALUES (id, left(host, 256), kind, now(), SQLERRM, line) ON CONFLICT DO NOTHING;
END $$;

-- All that the writer may do. It never fails for what a line has; for anything else, such as a full
-- disk, it waits, because rsyslog of Debian 12 drops what was refused.
CREATE OR REPLACE FUNCTION reqnotes.take(host text, kind text, place text, line text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bytes bytea := convert_to(line, current_setting('client_encoding'));
    id    uuid  := encode(substr(sha256(convert_to(host || ' ' || place || ' ', 'UTF8') || bytes), 1, 16), 'hex')::uuid;
BEGIN
    LOOP
        BEGIN
            PERFORM reqnotes.store(id, host, kind, bytes);
            RETURN;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'reqnotes: a line waits: %', SQLERRM;
            PERFORM pg_sleep(1);
        END;
    END LOOP;
END $$;

-- Everything of a user, over all hosts and both logs.
CREATE OR REPLACE FUNCTION reqnotes.of_user(who text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
RETURNS SETOF reqnotes.line LANGUAGE sql STABLE AS $$
    SELECT * FROM reqnotes.line l WHERE l.user_id = left(who, 256) AND l.record->>'user_id' = who
        AND l.time >= since AND l.time < until ORDER BY l.time, l.kind DESC
$$;

-- One trace, over front and backends.
CREATE OR REPLACE FUNCTION reqnotes.of_trace(trace text) RETURNS SETOF reqnotes.line LANGUAGE sql STABLE AS $$
    SELECT * FROM reqnotes.line l WHERE l.trace_id = trace ORDER BY l.time, l.kind DESC
$$;

-- Requests, failures (5xx) and times, for each API key.
CREATE OR REPLACE FUNCTION reqnotes.by_key(since timestamptz DEFAULT now() - interval '1 day', until timestamptz DEFAULT 'infinity')
RETURNS TABLE (api_key text, requests bigint, failed bigint, percent numeric, p95_ms numeric) LANGUAGE sql STABLE AS $$
    SELECT l.api_key, count(*), count(*) FILTER (WHERE status >= 500),
        round(100.0 * count(*) FILTER (WHERE status >= 500) / count(*), 1),
        round((percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_us) / 1000.0)::numeric, 1)
    FROM reqnotes.line l WHERE kind = 'access' AND time >= since AND time < until
    GROUP BY l.api_key ORDER BY 3 DESC, 2 DESC
$$;

-- Deletes what is older, at most so many lines at once; gives how many it deleted. For the owner.
CREATE OR REPLACE FUNCTION reqnotes.forget(older interval, most integer DEFAULT 100000) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    lines bigint;
BEGIN
    DELETE FROM reqnotes.unread WHERE taken < now() - older;
    DELETE FROM reqnotes.line WHERE ctid = ANY (ARRAY(SELECT ctid FROM reqnotes.line WHERE time < now() - older LIMIT most));
    GET DIAGNOSTICS lines = ROW_COUNT;
    RETURN lines;
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA reqnotes FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA reqnotes FROM PUBLIC;
GRANT USAGE ON SCHEMA reqnotes TO reqnotes_writer, reqnotes_reader;
GRANT EXECUTE ON FUNCTION reqnotes.take TO reqnotes_writer;
GRANT SELECT ON ALL TABLES IN SCHEMA reqnotes TO reqnotes_reader;
GRANT EXECUTE ON FUNCTION reqnotes.of_user, reqnotes.of_trace, reqnotes.by_key TO reqnotes_reader;

COMMIT;
