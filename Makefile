# alidecode + dbsync
#
#   make            build the plugin and dbsync
#   make install    install both (DESTDIR, prefix; the plugin goes where PG_CONFIG says)
#   make check      build, install, and run every test on throwaway servers
#   make check-mysql the tests of MySQL sources on a real MySQL, which Debian sid has (test/mysql-server.sh)
#   make demo       two throwaway servers brought in sync while pgbench writes
#   make demo-mysql the same with a MariaDB as the source
#   make bench      dbsync and the plugin beside their peers, on throwaway servers (bench/README.md)
#   make deps       install the packages that are missing (Debian, Ubuntu)

PG_CONFIG ?= pg_config
prefix    ?= /usr/local
bindir    ?= $(prefix)/bin
mandir    ?= $(prefix)/share/man
INSTALL   ?= install
# WITH_MYSQL=no builds without libmariadb; unset: with it where it is there.

# Empty for root; installing into the server's directories needs the right to.
SUDO ?= $(if $(filter 0,$(shell id -u)),,sudo)

export PG_CONFIG

all: decoder consumer

decoder:
	$(MAKE) -C decoder all

consumer:
	$(MAKE) -C consumer all

deps:
	bash .ci/install-deps.sh

install: install-decoder install-consumer

install-decoder: decoder
	$(MAKE) -C decoder install

install-consumer: consumer
	$(INSTALL) -d '$(DESTDIR)$(bindir)' '$(DESTDIR)$(mandir)/man1'
	$(INSTALL) -m 755 build/dbsync '$(DESTDIR)$(bindir)/dbsync'
	$(INSTALL) -m 644 docs/dbsync.1 '$(DESTDIR)$(mandir)/man1/dbsync.1'

uninstall:
	$(MAKE) -C decoder uninstall
	rm -f '$(DESTDIR)$(bindir)/dbsync' '$(DESTDIR)$(mandir)/man1/dbsync.1'

clean:
	-$(MAKE) -C decoder clean
	$(MAKE) -C consumer clean
	rm -rf build

# The targets below must work on a machine that has only git, make and apt, so the
# packages come first, and each later step is a make of its own: pg_config and
# pkg-config are asked again once they exist.
check: deps
	$(MAKE) -j2 all
	$(MAKE) -j2 unit-tests
	$(SUDO) $(MAKE) install-decoder PG_CONFIG='$(PG_CONFIG)'
	bash test/run-check.sh

# One suite alone: make check-unit, check-regress, check-tap, check-static.
# TESTS names files of the server tests: make check-tap TESTS=t/010_kill9.pl
check-%: all unit-tests
	bash test/run-check.sh $*

# The folder of a MySQL, fetched where it is not there.
MYSQL_DIR ?= build/mysql
MYSQL_TESTS = $(addprefix t/,$(notdir $(wildcard test/tap/t/*_mysql_*.pl)))

check-mysql: deps
	bash test/mysql-server.sh '$(MYSQL_DIR)'
	$(MAKE) -j2 all
	$(MAKE) -j2 unit-tests
	DBSYNC_TEST_MYSQL='$(abspath $(MYSQL_DIR))' UNIT_TESTS='test_my_*' TESTS='$(or $(TESTS),$(MYSQL_TESTS))' bash test/run-check.sh unit tap

unit-tests: consumer
	$(MAKE) -C consumer unit

unit-check:
	$(MAKE) -C consumer unit-check

check-version:
	bash test/check-version.sh

check-layers:
	bash test/check-layers.sh

demo: deps
	$(MAKE) -j2 all
	$(SUDO) $(MAKE) install PG_CONFIG='$(PG_CONFIG)' prefix='$(prefix)'
	bash examples/demo.sh '$(DESTDIR)$(bindir)/dbsync'

# No plugin is needed there, and nothing is installed.
demo-mysql: deps
	$(MAKE) -j2 consumer
	bash examples/demo-mysql.sh build/dbsync

bench: deps
	$(MAKE) -j2 all
	bash bench/run.sh

lint:
	$(MAKE) -C consumer lint
	cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,portability \
		--suppress=missingIncludeSystem --suppress=nullPointerRedundantCheck decoder

dist:
	git archive --format=zip --prefix=alidecode-$$(cat VERSION)/ -o alidecode-$$(cat VERSION).zip HEAD

.PHONY: all decoder consumer deps install install-decoder install-consumer uninstall clean \
	check check-mysql unit-tests unit-check check-version check-layers demo demo-mysql bench lint dist
