# DbsyncTest
#	Real servers and a real dbsync for the server tests.
#
#	my $source = new_source('source');			# a server with logical decoding, database app
#	my $target = new_target('target');			# a server with databases app and local
#	my $task   = DbsyncTest->new(source => $source, target => $target, local => 'sqlite');
#	$task->start('run');						# in the background; log in $task->log_text
#	wait_for('the copy', sub { ... });			# a condition with a limit, never a fixed time
#	$task->kill9;
#	$task->until_current_ok('caught up');		# dbsync run --until current, exit code 0
#	$task->sums_equal_ok('all tables');
#
# Every server and every dbsync is stopped when the test ends, however it ends.
package DbsyncTest;

use strict;
use warnings;

use Carp;
use Exporter 'import';
use File::Basename;
use JSON::PP ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(new_source new_target allow_plugin knows_plugin_list wait_for seconds_limit sums_of tables_of
  same_schema slurp);

my $dbname = 'app';

# Text by which two servers can be compared, and names that are qualified.
my $lossless = q{SET search_path = pg_catalog; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';
	SET extra_float_digits = 3; SET bytea_output = 'hex'; SET timezone = 'UTC'; SET lc_monetary = 'C'; };
my @running;

# Where one limit for all conditions has to be longer (a slow machine): PG_TEST_TIMEOUT_DEFAULT.
sub seconds_limit
{
	return $PostgreSQL::Test::Utils::timeout_default || 180;
}

# Waits until the condition holds and returns what it returned. Dies after the limit: what follows
# would make no sense.
sub wait_for
{
	my ($what, $condition, $limit) = @_;
	my $end = time() + ($limit || seconds_limit());

	while (1)
	{
		my $result = $condition->();
		return $result if $result;
		croak "timed out waiting for $what" if time() > $end;
		sleep 0.02;
	}
}

# Does this server have the list of allowed output plugins?
sub knows_plugin_list
{
	my ($node) = @_;

	return system("postgres -D '" . $node->data_dir . "' -C output_plugin_libraries >/dev/null 2>&1") == 0;
}

sub allow_plugin
{
	my ($node) = @_;

	$node->append_conf('postgresql.conf', "output_plugin_libraries = 'pgoutput, test_decoding, alidecode'")
	  if knows_plugin_list($node);
}

sub new_node
{
	my ($name, %arg) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(
		allows_streaming => 'logical',
		extra            => [ '-E', $arg{encoding} || 'UTF8', '--locale=' . ($arg{locale} || 'C.UTF-8') ]);
	$node->append_conf('postgresql.conf', $_) for (
		'max_connections = 60',
		'max_wal_senders = 10',
		'max_replication_slots = 10',
		'autovacuum = off',
		"log_min_duration_statement = -1",
		"log_statement = none",
		$arg{conf} || '');
	return $node;
}

# plugin_list => 0 leaves the allow-list as the server has it.
sub new_source
{
	my ($name, %arg) = @_;
	my $node = new_node($name || 'source', %arg);

	allow_plugin($node) unless defined $arg{plugin_list} && !$arg{plugin_list};
	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $dbname");
	return $node;
}

# The database local is for a local store in PostgreSQL.
sub new_target
{
	my ($name, %arg) = @_;
	my $node = new_node($name || 'target', %arg);

	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $dbname");
	$node->safe_psql('postgres', 'CREATE DATABASE local');
	return $node;
}

# The source's schema on the target, as a user makes it: pg_dump -s | psql.
sub same_schema
{
	my ($source, $target, @options) = @_;
	my $from = $source->connstr($dbname);
	my $to   = $target->connstr($dbname);

	system("pg_dump -s @options \"$from\" | psql -X -q -v ON_ERROR_STOP=1 -d \"$to\" >/dev/null") == 0
	  or croak 'cannot copy the schema';
}

# All user tables that hold rows, as quoted qualified names.
sub tables_of
{
	my ($node) = @_;
	my $list = $node->safe_psql(
		$dbname, $lossless . q{
		SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
		  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'dbsync', 'alidecode')
		ORDER BY 1::text}, extra_params => [ '-R', "\x01" ]);
	return split /\x01/, $list;
}

# Number of rows of each table and sum over their text: equal on both sides, or the copy is wrong.
sub sums_of
{
	my ($node, @tables) = @_;
	my $sums = $node->safe_psql($dbname, $lossless . join("\n",
		map { "SELECT count(*) || ' ' || coalesce(sum(hashtext(t.*::text)), 0) FROM $_ t;" } @tables));

	return split /\n/, $sums;
}

sub slurp
{
	my ($file) = @_;

	return -f $file ? slurp_file($file) : '';
}

# Do these queries give the same rows on both sides? One test, which shows the first rows that differ.
sub same_rows_ok
{
	my ($self, $name, $source_query, $target_query) = @_;
	my @from = split /\n/, $self->{source}->safe_psql($dbname, $lossless . $source_query);
	my @to   = split /\n/, $self->{target}->safe_psql($dbname, $lossless . ($target_query || $source_query));
	my @different = grep { ($from[$_] // 'none') ne ($to[$_] // 'none') } 0 .. (@from > @to ? $#from : $#to);

	splice @different, 5 if @different > 5;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(@from && !@different, $name)
	  or diag(map { sprintf "row %d: source %s, target %s\n", $_, $from[$_] // 'none', $to[$_] // 'none' } @different);
}

# source, target: nodes; the source may be a server of MariaDB.pm, then mysql is a hash of options for [src.mysql]. Optional: name, local (sqlite or pg), store (node of local pg; the target), local_path, source_extra (put behind the
# source's connection string), source_user, target_user,
# target_schema, options (hash of [dbsync]), extra (text appended to the configuration).
sub new
{
	my ($class, %arg) = @_;
	my $self = bless {%arg}, $class;

	$self->{name}  ||= 'task';
	$self->{local} ||= 'sqlite';
	$self->{dir} = PostgreSQL::Test::Utils::tempdir($self->{name});
	$self->{config} = "$self->{dir}/my.cfg";
	$self->{log} = "$PostgreSQL::Test::Utils::log_path/dbsync_$self->{name}.log";
	$self->write_config;
	return $self;
}

sub source_section
{
	my ($self) = @_;

	return $self->{source}->section(%{ $self->{mysql} || {} }) if $self->{source}->isa('MariaDB');
	my $from = $self->{source}->connstr($dbname);

	$from .= " $self->{source_extra}" if $self->{source_extra};
	$from .= " user=$self->{source_user}" if $self->{source_user};
	return "[src.pgsql]\nconnect_string = $from\n";
}

sub write_config
{
	my ($self) = @_;
	my $to   = $self->{target}->connstr($dbname);
	my %option = (slot => $self->{name}, retry_max => '1s', %{ $self->{options} || {} });

	$to   .= " user=$self->{target_user}" if $self->{target_user};

	my $text = $self->source_section . "\n[desc.pgsql]\nconnect_string = $to\n";
	$text .= "target_schema = $self->{target_schema}\n" if $self->{target_schema};
	if ($self->{local} eq 'pg')
	{
		my $local = ($self->{store} || $self->{target})->connstr('local');
		$text .= "\n[local.pgsql]\nconnect_string = $local\n";
	}
	else
	{
		my $path = $self->{local_path} || "$self->{dir}/local.db";
		$text .= "\n[local]\npath = $path\n";
	}
	$text .= "\n[dbsync]\n" . join('', map { "$_ = $option{$_}\n" } sort keys %option);
	$text .= $self->{extra} if $self->{extra};

	open my $out, '>', $self->{config} or croak "$self->{config}: $!";
	print $out $text;
	close $out;
	chmod 0600, $self->{config};
}

sub command
{
	my ($self, $command, @args) = @_;

	return ($ENV{DBSYNC} || 'dbsync', $command, '-c', $self->{config}, @args);
}

# Runs a command to its end: exit code, standard output, standard error (a log goes there). Past
# the limit it is killed, and the exit code is 'timeout'.
sub run
{
	my ($self, $command, @args) = @_;
	my $limit = ref $args[-1] ? ${ pop @args } : seconds_limit();
	my ($out, $err) = ('', '');
	my $harness = IPC::Run::start([ $self->command($command, @args) ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout($limit));
	my $in_time = eval { $harness->finish; 1 };
	my $status = $?;

	$harness->kill_kill unless $in_time;
	my $code = !$in_time ? 'timeout' : $status & 127 ? 'signal ' . ($status & 127) : $status >> 8;

	$self->append_log("--- dbsync $command @args\n$out$err--- exit $code\n");
	return ($code, $out, $err);
}

sub append_log
{
	my ($self, $text) = @_;

	open my $log, '>>', $self->{log} or croak "$self->{log}: $!";
	print $log $text;
	close $log;
}

# Starts a command in the background; its output goes to the log.
sub start
{
	my ($self, $command, @args) = @_;

	croak 'is running already' if $self->{pid};
	$self->append_log("--- dbsync $command @args in the background\n");
	$self->{log_start} = -s $self->{log};

	my $pid = fork();
	croak "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open STDIN,  '<',  '/dev/null';
		open STDOUT, '>>', $self->{log};
		open STDERR, '>&', \*STDOUT;
		my @command = $self->command($command, @args);
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	push @running, $self;
	return $pid;
}

# What the command started last has logged.
sub log_text
{
	my ($self) = @_;

	return substr(slurp($self->{log}), $self->{log_start} || 0);
}

# The exit code once it has ended by itself ('signal N' where a signal ended it), else undef.
sub ended
{
	my ($self) = @_;

	return $self->{exit} unless $self->{pid};
	return undef if waitpid($self->{pid}, POSIX::WNOHANG()) == 0;
	$self->{exit} = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
	delete $self->{pid};
	return $self->{exit};
}

sub wait_end
{
	my ($self, $limit) = @_;

	wait_for("dbsync of task $self->{name} to end", sub { defined $self->ended }, $limit);
	return $self->{exit};
}

sub kill9
{
	my ($self) = @_;

	return unless $self->{pid};
	kill 'KILL', $self->{pid};
	$self->append_log("--- kill -9\n");
	return $self->wait_end;
}

# The graceful way: SIGTERM, exit code 0.
sub stop
{
	my ($self) = @_;

	return $self->ended unless $self->{pid};
	kill 'TERM', $self->{pid};
	return $self->wait_end;
}

# Peak of resident memory of the running dbsync, in kB.
sub peak_kb
{
	my ($self) = @_;
	my ($kb) = slurp("/proc/$self->{pid}/status") =~ /^VmHWM:\s+(\d+) kB/m;

	return $kb || 0;
}

sub status
{
	my ($self) = @_;
	my ($code, $out) = $self->run('status', '--json');

	return JSON::PP->new->utf8->decode($out);
}

sub until_current_ok
{
	my ($self, $name, $limit) = @_;
	my ($code, $out, $err) = $self->run('run', '--until', 'current', \($limit || 2 * seconds_limit()));

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = is($code, 0, $name || 'dbsync run --until current');
	diag(join("\n", (split /\n/, $err)[ -15 .. -1 ])) if !$ok && $err =~ /(?:.*\n){15}/;
	return $ok;
}

# Number of rows on the target, 0 where it cannot be asked.
sub target_rows
{
	my ($self, $table) = @_;
	my ($code, $out) = $self->{target}->psql($dbname, "SELECT count(*) FROM $table");

	return $code == 0 ? $out : 0;
}

# Waits until the target has the source's number of rows in the table, while dbsync runs.
sub wait_rows
{
	my ($self, $table, $limit) = @_;
	my $rows = $self->{source}->safe_psql($dbname, "SELECT count(*) FROM $table");

	wait_for(
		"$rows rows in $table",
		sub {
			croak "dbsync ended with $self->{exit} while $rows rows in $table were waited for"
			  if $self->{pid} && defined $self->ended;
			return $self->target_rows($table) == $rows;
		},
		$limit);
}

# Both sums of each table (all of the source's, unless named; names qualified) are equal. One test.
sub sums_equal_ok
{
	my ($self, $name, @tables) = @_;
	my @different;

	@tables = tables_of($self->{source}) unless @tables;
	my @from = sums_of($self->{source}, @tables);
	my @to   = sums_of($self->{target}, @tables);
	@different = map { "$tables[$_]: source $from[$_], target $to[$_]" } grep { $from[$_] ne $to[$_] } 0 .. $#tables;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(@tables && !@different, $name || 'sums equal') or diag(@tables ? join("\n", @different > 20 ? (@different[ 0 .. 19 ], '...') : @different) : 'no tables');
}

END
{
	my $status = $?;

	foreach my $task (@running)
	{
		next unless $task->{pid};
		kill 'KILL', $task->{pid};
		waitpid $task->{pid}, 0;
	}
	$? = $status;
}

1;
