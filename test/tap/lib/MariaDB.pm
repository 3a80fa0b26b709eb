# MariaDB
#	A throwaway MariaDB server for the server tests: its own folder, its own socket and a free port on 127.0.0.1, row binary log on.
#
#	my $source = MariaDB->new('source', conf => ['--binlog-row-image=MINIMAL']);	# started, with an empty database app
#	$source->sql('CREATE TABLE t (id int PRIMARY KEY)');		# as root, in app; dies on an error
#	my @rows = split /\n/, $source->sql('SELECT a, b FROM t');	# tabs between columns; tab, newline, backslash, zero byte escaped; NULL
#	my ($code, $out, $err) = $source->try_sql('...');
#	$source->stop; $source->start; $source->restart; $source->kill9;
#	my $task = DbsyncTest->new(source => $source, target => $target, mysql => { tinyint1 => 'smallint' });
#
# With DBSYNC_TEST_MYSQL, a folder with mysqld, the server is that MySQL instead: "make check-mysql". What the tests say to it is put
# into its words (seq_1_to_9, SHOW MASTER STATUS ...); $source->is_mysql tells where a test has to differ.
#
# dbsync connects as user sync (password "se;cret #1"), who has what the documentation asks for.  Every server is killed when the test
# ends, however it ends.
package MariaDB;

use strict;
use warnings;

use Carp;
use IPC::Run ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $dbname = 'app';
my $password = 'se;cret #1';
my $mysql = $ENV{DBSYNC_TEST_MYSQL};
my @servers;

# Is there a server to test with?  "plan skip_all => ..." where not.
sub available
{
	return -x "$mysql/mysqld" && defined mysql_client() if $mysql;
	return defined program('mariadbd') && defined program('mariadb-install-db') && defined program('mariadb');
}

# The server is in sbin, which is not in everybody's path.
sub program
{
	my ($name) = @_;

	foreach my $folder (split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin')
	{
		return "$folder/$name" if -x "$folder/$name";
	}
	return undef;
}

# That of MariaDB speaks to MySQL, too.
sub mysql_client
{
	return -x "$mysql/mysql" ? "$mysql/mysql" : program('mariadb');
}

sub is_mysql
{
	return defined $mysql && length $mysql;
}

# conf: more options of the server, as on its command line.  start => 0: it is not started, and there is no database yet.
sub new
{
	my ($class, $name, %arg) = @_;
	my $self = bless {
		name => $name || 'mariadb',
		conf => $arg{conf} || [],
		dir  => PostgreSQL::Test::Utils::tempdir($name || 'mariadb'),
		port => PostgreSQL::Test::Cluster::get_free_port(),
	}, $class;

	# Paths of sockets are short.
	$self->{socket} = PostgreSQL::Test::Utils::tempdir_short() . '/s';
	$self->{log} = "$PostgreSQL::Test::Utils::log_path/mariadb_$self->{name}.log";
	$self->install;
	push @servers, $self;
	return $self if defined $arg{start} && !$arg{start};
	$self->start;
	$self->sql("CREATE DATABASE $dbname CHARACTER SET utf8mb4; CREATE USER sync\@'%' IDENTIFIED BY '$password';"
		  . " GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON $dbname.* TO sync\@'%';"
		  . " GRANT RELOAD, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO sync\@'%'", '');
	return $self;
}

# A folder of its own for temporary tables: a server that starts removes what others have in the same one, and these crash.
sub install
{
	my ($self) = @_;

	mkdir "$self->{dir}/tmp" or croak "$self->{dir}/tmp: $!";
	return $self->run_quietly("$mysql/mysqld", '--no-defaults', '--initialize-insecure', "--datadir=$self->{dir}/data", "--tmpdir=$self->{dir}/tmp") if is_mysql();
	$self->run_quietly(
		program('mariadb-install-db'), '--no-defaults', "--datadir=$self->{dir}/data", "--tmpdir=$self->{dir}/tmp",
		'--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve', '--innodb-log-file-size=16M');
}

sub run_quietly
{
	my ($self, @command) = @_;
	my $output = '';

	IPC::Run::run(\@command, '<', \undef, '>', \$output, '2>', \$output) or croak "@command: $output";
}

# more: options for this start only.
sub start
{
	my ($self, @more) = @_;
	my @command = (
		is_mysql() ? "$mysql/mysqld" : program('mariadbd'), '--no-defaults', "--datadir=$self->{dir}/data", "--tmpdir=$self->{dir}/tmp",
		"--socket=$self->{socket}", '--bind-address=127.0.0.1',
		"--port=$self->{port}", "--pid-file=$self->{dir}/mariadbd.pid", "--log-error=$self->{log}", '--skip-name-resolve',
		"--log-bin=$self->{dir}/data/binlog", '--binlog-format=ROW', '--server-id=1', '--innodb-buffer-pool-size=64M',
		'--innodb-flush-log-at-trx-commit=2', '--max-allowed-packet=256M', '--secure-file-priv=',
		is_mysql()
		? ('--gtid-mode=ON', '--enforce-gtid-consistency=ON', '--mysqlx=OFF', '--cte-max-recursion-depth=100000000', '--log-bin-trust-function-creators=ON', '--sql-mode=STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', '--sync-binlog=0')
		: ('--gtid-strict-mode=ON', '--innodb-log-file-size=16M'),
		@{ $self->{conf} }, @more);

	croak "server $self->{name} is running already" if $self->{pid};
	my $pid = fork();
	croak "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		# Not of the terminal's group: an interrupt is for the test, which ends its servers.
		POSIX::setsid();
		open STDIN,  '<',  '/dev/null';
		open STDOUT, '>>', $self->{log};
		open STDERR, '>&', \*STDOUT;
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	my $end = time() + ($PostgreSQL::Test::Utils::timeout_default || 180);
	while (1)
	{
		# A client that cannot connect ends before it has read the statement, which may be an error here.
		my ($code) = eval { $self->try_sql('SELECT 1', '') };
		last if defined $code && $code == 0;
		if (waitpid($pid, POSIX::WNOHANG()) != 0)
		{
			delete $self->{pid};
			croak "server $self->{name} did not start; see $self->{log}";
		}
		croak "timed out waiting for server $self->{name} to start" if time() > $end;
		sleep 0.05;
	}
}

sub stop_by
{
	my ($self, $signal) = @_;

	return unless $self->{pid};
	kill $signal, $self->{pid};
	waitpid $self->{pid}, 0;
	delete $self->{pid};
}

sub stop
{
	my ($self) = @_;

	return $self->stop_by('TERM');
}

sub kill9
{
	my ($self) = @_;

	return $self->stop_by('KILL');
}

sub restart
{
	my ($self, @more) = @_;

	$self->stop;
	$self->start(@more);
}

sub client
{
	my ($self, $db, @more) = @_;

	$db = $dbname unless defined $db;
	return (
		is_mysql() ? mysql_client() : program('mariadb'), '--no-defaults', "--socket=$self->{socket}", '--user=root', '--default-character-set=utf8mb4', '--batch',
		'--skip-column-names', '--max-allowed-packet=256M', @more, length $db ? ($db) : ());
}

# The statements of a test in MySQL's words.
sub in_its_words
{
	my ($sql) = @_;

	return $sql unless is_mysql();
	$sql =~ s/\bseq_(\d+)_to_(\d+)\b/(WITH RECURSIVE s (seq) AS (SELECT $1 UNION ALL SELECT seq + 1 FROM s WHERE seq < $2) SELECT seq FROM s) AS seq_$1_to_$2/g;
	$sql =~ s/SHOW MASTER STATUS/SHOW BINARY LOG STATUS/g;
	$sql =~ s/RESET MASTER/RESET BINARY LOGS AND GTIDS/g;
	$sql =~ s/\bBINLOG MONITOR\b/REPLICATION CLIENT/g;
	$sql =~ s/ uuid([,)])/ varchar(36)$1/g;
	$sql =~ s/\binet4\b/varchar(15)/g;
	$sql =~ s/\binet6\b/varchar(39)/g;
	$sql =~ s/\@\@gtid_binlog_pos/\@\@gtid_executed/g;
	return $sql;
}

# Exit code, output, messages.  db: '' for none.
sub try_sql
{
	my ($self, $sql, $db) = @_;
	my ($out, $err) = ('', '');

	$sql = in_its_words($sql);
	IPC::Run::run([ $self->client($db) ], '<', \$sql, '>', \$out, '2>', \$err);
	my $code = $? >> 8 || $? & 127;
	chomp $out;
	return ($code, $out, $err);
}

sub sql
{
	my ($self, $sql, $db) = @_;
	my ($code, $out, $err) = $self->try_sql($sql, $db);

	croak "server $self->{name}: $err" if $code != 0;
	return $out;
}

# A client in the background that runs what is written to it: for transactions that stay open.
#	my $session = $source->session; $session->sql('BEGIN'); ... $session->end;
sub session
{
	my ($self, $db) = @_;

	return MariaDB::Session->new($self->client($db, '--unbuffered'));
}

sub port     { return $_[0]{port} }
sub socket   { return $_[0]{socket} }
sub dir      { return $_[0]{dir} }
sub log_text { return PostgreSQL::Test::Utils::slurp_file($_[0]{log}) }

# Text of the section [src.mysql]; options take the place of ours, or are put to them (undef: leaves one out).
sub section
{
	my ($self, %option) = @_;
	my %all = (
		host     => '127.0.0.1',
		port     => $self->{port},
		user     => 'sync',
		password => $password,
		db       => $dbname,
		%option);

	return "[src.mysql]\n" . join('', map { "$_ = $all{$_}\n" } grep { defined $all{$_} } sort keys %all);
}

END
{
	my $status = $?;

	$_->kill9 foreach @servers;
	$? = $status;
}

package MariaDB::Session;

use strict;
use warnings;

use Carp;

sub new
{
	my ($class, @command) = @_;
	my $self = bless { in => '', out => '', err => '', number => 0 }, $class;

	$self->{run} = IPC::Run::start(\@command, '<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default || 180));
	return $self;
}

# Runs it and waits for its end; returns its output.
sub sql
{
	my ($self, $sql) = @_;
	my $mark = 'session mark ' . ++$self->{number};

	$sql = MariaDB::in_its_words($sql);
	$self->{out} = '';
	$self->{in} .= "$sql;\nSELECT '$mark';\n";
	$self->{run}->pump until $self->{out} =~ /^\Q$mark\E$/m || !$self->{run}->pumpable;
	croak "session: $self->{err}" unless $self->{out} =~ s/^\Q$mark\E\n//m;
	return $self->{out} =~ s/\n\z//r;
}

# Sends it, without waiting: for what is meant to wait for a lock.
sub send
{
	my ($self, $sql) = @_;

	$self->{in} .= MariaDB::in_its_words($sql) . ";\n";
	$self->{run}->pump while length $self->{in};
}

sub end
{
	my ($self) = @_;

	$self->{run}->finish;
}

1;
