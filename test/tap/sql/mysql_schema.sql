-- A shop as applications leave it behind: every type, every kind of key, and what PostgreSQL has no place for.
CREATE TABLE countries (code char(2) NOT NULL PRIMARY KEY, name varchar(80) NOT NULL DEFAULT '') COMMENT='ISO 3166, it''s short';
CREATE TABLE users (
	id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
	email varchar(190) NOT NULL COMMENT 'unique, without case',
	login varchar(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	is_admin tinyint(1) NOT NULL DEFAULT 0,
	role enum('guest','member','it''s staff') NOT NULL DEFAULT 'member',
	flags set('news','a "b"','c\\d') NOT NULL DEFAULT 'news,a "b"',
	country char(2) DEFAULT NULL,
	born date DEFAULT '1970-01-31',
	created_at timestamp NOT NULL DEFAULT current_timestamp(),
	updated_at datetime(6) DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
	settings json DEFAULT '{"a": [1, "x"]}',
	balance decimal(12,2) NOT NULL DEFAULT -1.50,
	UNIQUE KEY users_email (email),
	UNIQUE KEY login (login),
	KEY country (country),
	CONSTRAINT users_country FOREIGN KEY (country) REFERENCES countries (code) ON DELETE SET NULL ON UPDATE CASCADE
) AUTO_INCREMENT=1001;
CREATE TABLE sessions (token binary(16) NOT NULL PRIMARY KEY, user_id bigint unsigned NOT NULL, ip inet6, data mediumblob,
	CONSTRAINT sessions_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);
CREATE TABLE categories (id smallint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, parent smallint unsigned, title varchar(100) NOT NULL,
	CONSTRAINT categories_parent FOREIGN KEY (parent) REFERENCES categories (id));
CREATE TABLE products (
	id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
	sku varchar(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	category smallint unsigned,
	title varchar(200) NOT NULL,
	body longtext,
	price decimal(10,2) unsigned NOT NULL,
	net decimal(10,2) GENERATED ALWAYS AS (price - 1) STORED,
	label varchar(240) GENERATED ALWAYS AS (concat(sku, ': ', title)) VIRTUAL,
	share decimal(12,4) GENERATED ALWAYS AS (price / 3) VIRTUAL,
	stock mediumint NOT NULL DEFAULT 0,
	rating float, weight double DEFAULT 0.25,
	size bit(5) DEFAULT b'101', is_sold bit(1) DEFAULT b'0',
	made year DEFAULT 1999, takes time(3) DEFAULT '-100:11:12.340',
	place point, area geometry,
	uid uuid DEFAULT uuid(), ip4 inet4 DEFAULT '10.0.0.1',
	color varchar(10) DEFAULT (lower('RED')),
	odd int DEFAULT (10 / 2),
	UNIQUE KEY (sku), KEY by_category (category, price DESC), KEY title (title(20)), KEY body (body(50)), FULLTEXT KEY words (title, body),
	CONSTRAINT products_category FOREIGN KEY (category) REFERENCES categories (id),
	CONSTRAINT price_positive CHECK (price > 0),
	CONSTRAINT sku_form CHECK (sku like 'S%'),
	CONSTRAINT title_known CHECK (title <> 'none'),
	CONSTRAINT stock_odd CHECK (stock ^ 1 <> 7)
);
CREATE TABLE orders (id bigint NOT NULL AUTO_INCREMENT, user_id bigint unsigned NOT NULL, placed date NOT NULL, total decimal(14,4), note tinytext,
	PRIMARY KEY (id, placed), KEY user_id (user_id))
	PARTITION BY RANGE (year(placed)) (PARTITION p2022 VALUES LESS THAN (2023), PARTITION p2023 VALUES LESS THAN (2024), PARTITION later VALUES LESS THAN MAXVALUE);
CREATE TABLE order_items (order_id bigint NOT NULL, line tinyint unsigned NOT NULL, product int unsigned NOT NULL, quantity smallint NOT NULL DEFAULT 1,
	PRIMARY KEY (order_id, line), CONSTRAINT items_product FOREIGN KEY (product) REFERENCES products (id));
CREATE TABLE events_log (at datetime NOT NULL, day date, what varchar(20), KEY (at)) PARTITION BY RANGE COLUMNS (day)
	(PARTITION old VALUES LESS THAN ('2024-01-01'), PARTITION new VALUES LESS THAN (MAXVALUE));
CREATE TABLE regions (id int NOT NULL, region varchar(10) NOT NULL, PRIMARY KEY (id, region)) PARTITION BY LIST COLUMNS (region)
	(PARTITION west VALUES IN ('fr', 'es'), PARTITION east VALUES IN ('pl', 'it''s'));
CREATE TABLE hashed (id int NOT NULL PRIMARY KEY, v int) PARTITION BY HASH (id) PARTITIONS 3;
CREATE TABLE keyed (id int NOT NULL PRIMARY KEY, v int) PARTITION BY KEY () PARTITIONS 2;
CREATE TABLE days (id int NOT NULL, d datetime NOT NULL, PRIMARY KEY (id, d)) PARTITION BY RANGE (to_days(d))
	(PARTITION a VALUES LESS THAN (to_days('2024-03-01')), PARTITION b VALUES LESS THAN (to_days('2024-04-01')));
CREATE TABLE odd_parts (id int NOT NULL PRIMARY KEY, v int) PARTITION BY RANGE (id % 10) (PARTITION a VALUES LESS THAN (5), PARTITION b VALUES LESS THAN MAXVALUE);
CREATE TABLE zero_dates (id int PRIMARY KEY, d date NOT NULL DEFAULT '0000-00-00', t datetime NOT NULL DEFAULT '2024-01-01 00:00:00');
CREATE TABLE numbers (a tinyint, b tinyint unsigned, c smallint, d smallint unsigned, e mediumint unsigned, f int, g int unsigned, h bigint, i bigint unsigned,
	j decimal(65,30), k numeric(5), l int(6) zerofill, m float(7,2), n double unsigned, o bool);
CREATE TABLE texts (a char(5), b varchar(5), c tinytext, d text, e mediumtext, f longtext, g binary(3) DEFAULT 'a', h varbinary(5) DEFAULT x'ff', i tinyblob, j blob, k longblob,
	l varchar(20) CHARACTER SET latin1 DEFAULT 'é', m text CHARACTER SET utf16, n char(0));
CREATE TABLE `Mixed Case` (`Id` int PRIMARY KEY, `select` int, `a"b` varchar(10) DEFAULT 'x', `c``d` int, KEY `c``d` (`c``d`));
CREATE TABLE no_key (a int, b int, UNIQUE KEY b (b));
CREATE TABLE long_labels (e enum('short', 'a label of more than sixty-three bytes does not fit into a type of PostgreSQL'));
CREATE TABLE parent (a int NOT NULL, b int NOT NULL, c int, PRIMARY KEY (a, b), KEY (c));
CREATE TABLE child (id int PRIMARY KEY, pa int, pb int, pc int, CONSTRAINT child_pair FOREIGN KEY (pa, pb) REFERENCES parent (a, b) ON UPDATE CASCADE,
	CONSTRAINT child_not_unique FOREIGN KEY (pc) REFERENCES parent (c));
CREATE TABLE a_table_with_a_name_that_is_rather_long_but_not_too_long (id int PRIMARY KEY, v int, w int,
	KEY an_index_with_a_name_that_is_long_as_well_number_1 (v), KEY an_index_with_a_name_that_is_long_as_well_number_2 (w));
CREATE VIEW admins AS SELECT * FROM users WHERE is_admin;
CREATE TRIGGER users_in BEFORE INSERT ON users FOR EACH ROW SET NEW.login = lower(NEW.login);
CREATE PROCEDURE tidy() SELECT 1;
CREATE FUNCTION one() RETURNS int DETERMINISTIC RETURN 1;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO SELECT 1;
CREATE SEQUENCE tickets;
