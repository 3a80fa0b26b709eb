# Connections to a MariaDB (or MySQL) source: TLS in each of its modes, sockets, what is said when it does not work, and that a stop ends a wait.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use DbsyncTest;
use MariaDB;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no MariaDB server to test with' unless MariaDB::available();
plan skip_all => 'no openssl program' if system('openssl version >/dev/null 2>&1') != 0;

my $dir = PostgreSQL::Test::Utils::tempdir();
system("openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout $dir/key.pem -out $dir/cert.pem -subj /CN=127.0.0.1"
	  . " -addext subjectAltName=IP:127.0.0.1 >/dev/null 2>&1") == 0
  or die 'cannot make a certificate';

my $source = MariaDB->new('source', conf => [ "--ssl-cert=$dir/cert.pem", "--ssl-key=$dir/key.pem", "--ssl-ca=$dir/cert.pem" ]);
my $target = new_target('target');
my $number = 0;

$source->sql('CREATE TABLE t (id int PRIMARY KEY)');
$source->sql("CREATE USER secure\@'%' IDENTIFIED BY 'pw' REQUIRE SSL; GRANT SELECT ON app.* TO secure\@'%'");

# dbsync schema -d with these options of [src.mysql]: exit code and messages.
sub try_options
{
	my (%option) = @_;
	my $task = DbsyncTest->new(source => $source, target => $target, name => 'try' . ++$number, mysql => \%option);
	my ($code, $out, $err) = $task->run('schema', '-d');

	unlike($out . $err, qr/se;cret|\bpw\b/, 'no password is shown');
	return ($code, $err);
}

sub works
{
	my ($name, %option) = @_;
	my ($code, $err) = try_options(%option);

	is($code, 0, $name) or diag $err;
}

sub fails
{
	my ($name, $expected, $text, %option) = @_;
	my ($code, $err) = try_options(%option);

	is($code, $expected, $name);
	like($err, $text, "$name: the reason");
}

my %secure = (user => 'secure', password => 'pw');
works('preferred');
works('preferred is encrypted', %secure);
works('disabled', tls => 'disabled');
fails('disabled, for a user who must be encrypted', 3, qr/Access denied/, %secure, tls => 'disabled');
works('required', %secure, tls => 'required');
works('verify', %secure, tls => 'verify', tls_ca => "$dir/cert.pem");
fails('verify without the authority', 3, qr/certificate.*HINT: check tls/s, tls => 'verify');
fails('verify under another name', 3, qr/certificate/, tls => 'verify', tls_ca => "$dir/cert.pem", host => 'localhost');
works('its name does not matter otherwise', tls => 'required', host => 'localhost');
works('a socket', host => undef, port => undef, socket => $source->socket);

fails('a wrong password', 3, qr/Access denied.*HINT: check user and password/s, password => 'wrong');
fails('a database that is not there', 3, qr/Access denied|Unknown database/, db => 'nowhere');
fails('nobody listens', 1, qr/is the server running there/, port => PostgreSQL::Test::Cluster::get_free_port());
fails('no such host', 1, qr/Unknown.*host/, host => 'host.invalid');
fails('a socket that is not there', 1, qr/is the server running there/, host => undef, socket => "$dir/none");
fails('a certificate without its key', 2, qr/belong together/, tls_cert => "$dir/cert.pem");
fails('no user', 2, qr/user of \[src.mysql\] is not set/, user => undef);

# A server that has no TLS.  MySQL always has.
SKIP:
{
	skip 'MySQL makes its own certificates', 6 if $source->is_mysql;
	$source->stop;
	$source->{conf} = [];
	$source->start;
	works('preferred, where there is no TLS');
	fails('required, where there is none', 3, qr/does not offer TLS.*HINT/s, tls => 'required');
	fails('verify, where there is none', 3, qr/TLS|SSL/, tls => 'verify', tls_ca => "$dir/cert.pem");
}

# A stop while the server keeps us waiting ends that at once. Frozen, it takes the connection and says nothing.
my $port = sprintf '%04X', $source->port;
my $waiting = DbsyncTest->new(source => $source, target => $target, name => 'waiting');
kill 'STOP', $source->{pid};
$waiting->start('schema', '-d');
wait_for('a connection', sub { slurp('/proc/net/tcp') =~ /^ *\d+: \w+:\w+ 0100007F:$port 01 /m });
is($waiting->stop, 1, 'a stop ends a wait');
like($waiting->log_text, qr/stopped/, 'and says so');
kill 'CONT', $source->{pid};

done_testing();
