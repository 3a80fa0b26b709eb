-- Random histories, made inside the source server: gen.history() changes the tables that gen.tab describes, with
-- statements that may fail; each runs in a subtransaction, so that a violated constraint only undoes that one.
-- The same seed on the same tables gives the same history.
CREATE SCHEMA gen;

-- Pieces of SQL, as text.  A move is a list of columns whose values are handed from row to row; its temp is what
-- stands there meanwhile.
CREATE UNLOGGED TABLE gen.tab (
	name text PRIMARY KEY,
	columns text,
	exprs text,
	sets text[],
	key_sets text[],
	conflict text,
	overriding text,
	moves text[],
	temps text[],
	only_inserts bool,
	ignores_conflicts bool,
	bulk bool,
	truncates bool
);
CREATE UNLOGGED TABLE gen.outcome (name text, step text, state text, message text);

CREATE FUNCTION gen.n(max int) RETURNS int LANGUAGE sql VOLATILE AS
	'SELECT floor(random() * $1)::int';
CREATE FUNCTION gen.pick(VARIADIC text[]) RETURNS text LANGUAGE plpgsql VOLATILE AS
	'BEGIN RETURN $1[1 + floor(random() * cardinality($1))::int]; END';
CREATE FUNCTION gen.txt() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN gen.pick('', 'a', 'A', 'a ', ' a', 'b', 'ä', '漢字 🐘', 'it''s "quoted"', E'back\\slash\\N', E'\\.', E'tab\tnew\nline\rcr',
		'NULL', 'null', '{a,"b"}', '(1,2)', '%s%n', E'\x01\x7f', '$1', '0', '00', '1.0');
END $$;
-- Long ones go out of line in columns whose storage is external.
CREATE FUNCTION gen.long() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN CASE gen.n(6) WHEN 0 THEN NULL WHEN 1 THEN 'short ' || gen.n(5) ELSE repeat(md5(random()::text), 66 + gen.n(40)) END;
END $$;

CREATE FUNCTION gen.one(name text) RETURNS text LANGUAGE sql VOLATILE AS
	$$ SELECT format('(tableoid, ctid) = (SELECT tableoid, ctid FROM %s ORDER BY random() LIMIT 1)', $1) $$;
CREATE FUNCTION gen.some(name text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN CASE gen.n(8) WHEN 0 THEN 'true' WHEN 1 THEN 'random() < 0.5' WHEN 2 THEN 'random() < 0.15' ELSE gen.one(name) END;
END $$;

-- Some of the list, one at least, in random order.
CREATE FUNCTION gen.sublist(list text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT string_agg(e, ', ') FROM (SELECT e FROM unnest($1) e ORDER BY random() LIMIT 1 + gen.n(least(3, cardinality($1)))) s
$$;

-- Values of a random row, as literals, and which row it is.
CREATE FUNCTION gen.look(name text, columns text, OUT literals text, OUT row_is text) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	EXECUTE format($f$SELECT %s, format('(tableoid, ctid) = (%%s, %%L)', tableoid, ctid) FROM %s ORDER BY random() LIMIT 1$f$,
		(SELECT string_agg(format('quote_nullable(%s::text)', c), $s$ || ', ' || $s$) FROM regexp_split_to_table(columns, ', ') c), name)
	INTO literals, row_is;
END $$;

CREATE FUNCTION gen.insert(t gen.tab, rows int, conflict text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	IF t.columns = '' THEN
		EXECUTE format('INSERT INTO %s DEFAULT VALUES', t.name);
	ELSE
		EXECUTE format('INSERT INTO %s (%s) %s SELECT %s FROM generate_series(1, %s) %s', t.name, t.columns, t.overriding, t.exprs, rows, conflict);
	END IF;
END $$;

-- Values change places between two rows, or go from one to another, now or in steps.
CREATE FUNCTION gen.move(t gen.tab) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	m int := 1 + gen.n(cardinality(t.moves));
	columns text := t.moves[m];
	first record;
	second record;
	moved text;
	how int := gen.n(7);
BEGIN
	SELECT * INTO first FROM gen.look(t.name, columns);
	SELECT * INTO second FROM gen.look(t.name, columns);
	IF first.row_is IS NULL OR first.row_is = second.row_is THEN
		RETURN;
	END IF;
	IF how <= 2 THEN
		-- a swap, by a third value
		EXECUTE format('UPDATE %s SET (%s) = ROW(%s) WHERE %s RETURNING format(''(tableoid, ctid) = (%%s, %%L)'', tableoid, ctid)',
			t.name, columns, t.temps[m], first.row_is) INTO moved;
		EXECUTE format('UPDATE %s SET (%s) = ROW(%s) WHERE %s', t.name, columns, first.literals, second.row_is);
		EXECUTE format('UPDATE %s SET (%s) = ROW(%s) WHERE %s', t.name, columns, second.literals, moved);
	ELSIF how = 3 THEN
		-- a swap in one statement: only a deferrable constraint lets it pass
		EXECUTE format('UPDATE %s SET (%s) = (SELECT %s FROM %s WHERE %s LIMIT 1) WHERE %s OR %s', t.name, columns, columns, t.name,
			CASE gen.n(2) WHEN 0 THEN first.row_is ELSE second.row_is END, first.row_is, second.row_is);
	ELSIF how = 4 THEN
		-- a swap in two, deferred
		EXECUTE format('UPDATE %s SET (%s) = ROW(%s) WHERE %s', t.name, columns, second.literals, first.row_is);
		EXECUTE format('UPDATE %s SET (%s) = ROW(%s) WHERE %s', t.name, columns, first.literals, second.row_is);
	ELSIF how = 5 THEN
		-- what a deleted row had, another row gets
		EXECUTE format('DELETE FROM %s WHERE %s', t.name, first.row_is);
		EXECUTE format('UPDATE %s SET (%s) = ROW(%s) WHERE %s', t.name, columns, first.literals, second.row_is);
	ELSE
		-- what one row gives up, another gets
		EXECUTE format('UPDATE %s SET (%s) = ROW(%s) WHERE %s', t.name, columns, t.temps[m], first.row_is);
		EXECUTE format('UPDATE %s SET (%s) = ROW(%s) WHERE %s', t.name, columns, first.literals, second.row_is);
	END IF;
END $$;

-- Out and in again, as it was or changed, in one statement or in two.
CREATE FUNCTION gen.reinsert(t gen.tab) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	old record;
BEGIN
	IF gen.n(2) = 0 THEN
		EXECUTE format('WITH gone AS (DELETE FROM %s WHERE %s RETURNING %s) INSERT INTO %s (%s) %s SELECT %s FROM gone', t.name, gen.some(t.name),
			t.columns, t.name, t.columns, t.overriding, t.columns);
	ELSE
		SELECT * INTO old FROM gen.look(t.name, t.columns);
		IF old.row_is IS NOT NULL THEN
			EXECUTE format('DELETE FROM %s WHERE %s', t.name, old.row_is);
			EXECUTE format('INSERT INTO %s (%s) %s VALUES (%s)', t.name, t.columns, t.overriding, old.literals);
		END IF;
	END IF;
	IF gen.n(2) = 0 AND cardinality(t.sets) > 0 THEN
		EXECUTE format('UPDATE %s SET %s WHERE %s', t.name, gen.sublist(t.sets), gen.some(t.name));
	END IF;
END $$;

CREATE FUNCTION gen.truncate(t gen.tab) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	list text := t.name;
BEGIN
	IF NOT t.truncates THEN
		RETURN;
	END IF;
	IF gen.n(3) = 0 THEN
		list := (SELECT string_agg(name, ', ') FROM (SELECT name FROM gen.tab WHERE truncates OR name = t.name ORDER BY random() LIMIT 2 + gen.n(2)) s);
	END IF;
	EXECUTE format('TRUNCATE %s %s %s', list, gen.pick('', 'RESTART IDENTITY'), gen.pick('CASCADE', 'CASCADE', ''));
END $$;

CREATE FUNCTION gen.step(name text, OUT step text) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	t gen.tab;
	dice int := gen.n(1000);
BEGIN
	SELECT * INTO STRICT t FROM gen.tab WHERE gen.tab.name = step.name;
	IF t.only_inserts THEN
		step := CASE WHEN dice < 980 THEN 'insert' ELSE 'truncate' END;
	ELSE
		step := CASE WHEN dice < 260 THEN 'insert' WHEN dice < 480 THEN 'update' WHEN dice < 600 THEN 'key' WHEN dice < 720 THEN 'delete'
			WHEN dice < 800 THEN 'reinsert' WHEN dice < 920 THEN 'move' WHEN dice < 985 THEN 'upsert' ELSE 'truncate' END;
	END IF;
	IF step = 'move' AND cardinality(t.moves) = 0 OR step = 'key' AND cardinality(t.key_sets) = 0 THEN
		step := 'update';
	END IF;
	IF step = 'update' AND cardinality(t.sets) = 0 THEN
		step := 'delete';
	END IF;
	IF step = 'upsert' AND t.conflict IS NULL THEN
		step := 'insert';
	END IF;
	CASE step
		WHEN 'insert' THEN
			PERFORM gen.insert(t, CASE WHEN t.bulk AND gen.n(5) = 0 THEN 100 + gen.n(900) ELSE 1 + gen.n(4) END,
				CASE WHEN t.ignores_conflicts AND gen.n(4) > 0 THEN 'ON CONFLICT DO NOTHING' ELSE '' END);
		WHEN 'upsert' THEN
			PERFORM gen.insert(t, 1, format('ON CONFLICT (%s) DO %s', t.conflict,
				CASE WHEN cardinality(t.sets) = 0 THEN 'NOTHING' ELSE 'UPDATE SET ' || gen.sublist(t.sets) END));
		WHEN 'update' THEN
			EXECUTE format('UPDATE %s SET %s WHERE %s', t.name, gen.sublist(t.sets), gen.some(t.name));
		WHEN 'key' THEN
			EXECUTE format('UPDATE %s SET %s WHERE %s', t.name, gen.sublist(CASE gen.n(2) WHEN 0 THEN t.key_sets ELSE t.key_sets || t.sets END), gen.some(t.name));
		WHEN 'delete' THEN
			EXECUTE format('DELETE FROM %s WHERE %s', t.name, gen.some(t.name));
		WHEN 'reinsert' THEN
			PERFORM gen.reinsert(t);
		WHEN 'move' THEN
			PERFORM gen.move(t);
		WHEN 'truncate' THEN
			PERFORM gen.truncate(t);
	END CASE;
END $$;

-- A step, or a few that are rolled back together; a subtransaction in either case.
CREATE FUNCTION gen.attempt(names text[], depth int) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	name text := names[1 + gen.n(cardinality(names))];
	step text;
	many bool := depth < 2 AND gen.n(12) = 0;
	fails bool := many AND gen.n(3) > 0;
BEGIN
	IF many THEN
		FOR i IN 1 .. 2 + gen.n(3) LOOP
			PERFORM gen.attempt(names, depth + 1);
		END LOOP;
	ELSE
		step := gen.step(name);
	END IF;
	IF fails THEN
		RAISE EXCEPTION 'given up' USING ERRCODE = 'ZZ001';
	END IF;
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
	INSERT INTO gen.outcome VALUES (name, coalesce(step, 'many'), '00000', NULL);
EXCEPTION WHEN OTHERS THEN
	INSERT INTO gen.outcome VALUES (name, coalesce(step, '?'), SQLSTATE, SQLERRM);
END $$;

CREATE PROCEDURE gen.history(seed float8, transactions int, names text[]) LANGUAGE plpgsql AS $$
DECLARE
	near text[];
BEGIN
	PERFORM setseed(seed);
	FOR i IN 1 .. transactions LOOP
		near := (SELECT array_agg(n) FROM (SELECT n FROM unnest(names) n ORDER BY random() LIMIT 1 + gen.n(3)) s);
		FOR s IN 1 .. CASE WHEN gen.n(40) = 0 THEN 40 + gen.n(60) ELSE 1 + gen.n(7) END LOOP
			PERFORM gen.attempt(near, 0);
		END LOOP;
		COMMIT;
	END LOOP;
END $$;
