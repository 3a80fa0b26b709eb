# Values made at random, of every type and in every character set that the server knows, are the same on the target whether they came by the copy, as an
# insert or by an update; dbsync verify says so. Prints its seed; DBSYNC_TEST_SEED repeats it.
use strict;
use warnings;

use DbsyncTest;
use MariaDB;
use Test::More;

plan skip_all => 'no MariaDB server to test with' unless MariaDB::available();

my $seed = $ENV{DBSYNC_TEST_SEED} || time;
diag("DBSYNC_TEST_SEED=$seed");
srand $seed;

my $source = MariaDB->new('source');
my $target = new_target('target');
my $rows = 30;

sub one_of { return $_[ rand @_ ] }
sub sign   { return one_of('-', '') }
sub digits { return join '', map { int rand 10 } 1 .. $_[0] }
sub quoted { return "'" . sprintf(shift, @_) . "'" }
sub day    { return (1 + rand 12, 1 + rand 28) }
sub clock  { return (rand 60, rand 60, rand 1000000) }
sub bytes  { return q{x'} . join('', map { sprintf '%02x', rand 256 } 1 .. int rand $_[0]) . q{'} }

# Any size; whole numbers now and then.
sub floating
{
	my ($power) = @_;
	my $number = (rand() - 0.5) * 10**int(rand(2 * $power) - $power);

	return sprintf '%.17e', abs($number) < 1e9 && rand() < 0.2 ? int $number : $number;
}

sub decimal
{
	my ($precision, $scale) = @_;
	my $whole = $precision - $scale;

	return sign() . ($whole > 0 ? digits(1 + int rand $whole) : '0') . ($scale > 0 ? '.' . digits(1 + int rand $scale) : '');
}

# [ type, what makes a value of it ]
my @types = (
	[ 'tinyint unsigned',   sub { int rand 256 } ],
	[ 'smallint',           sub { int(rand 65536) - 32768 } ],
	[ 'mediumint',          sub { int(rand 16777216) - 8388608 } ],
	[ 'mediumint unsigned', sub { int rand 16777216 } ],
	[ 'int unsigned',       sub { int rand 4294967296 } ],
	[ 'bigint',             sub { sign() . digits(1 + int rand 18) } ],
	[ 'bigint unsigned',    sub { digits(1 + int rand 19) } ],
	[ 'float',              sub { floating(35) } ],
	[ 'double',             sub { floating(250) } ],
	[ 'float(9,3)',         sub { sprintf '%.3f', (rand() - 0.5) * 900000 } ],
	[ 'double(20,5)',       sub { sprintf '%.5f', (rand() - 0.5) * 1e12 } ],
	[ 'year',               sub { 1901 + int rand 254 } ],
	[ 'date',               sub { quoted('%04d-%02d-%02d', 1000 + rand 8999, day()) } ],
	[ 'datetime(1)',        sub { quoted('%04d-%02d-%02d %02d:%02d:%02d.%06d', 1000 + rand 8999, day(), rand 24, clock()) } ],
	[ 'datetime(6)',        sub { quoted('%04d-%02d-%02d %02d:%02d:%02d.%06d', 1000 + rand 8999, day(), rand 24, clock()) } ],
	[ 'timestamp(4) null',  sub { quoted('%04d-%02d-%02d %02d:%02d:%02d.%06d', 1971 + rand 66, day(), rand 24, clock()) } ],
	[ 'binary(3)',          sub { bytes(4) } ],
	[ 'varbinary(300)',     sub { bytes(300) } ],
	[ 'tinyblob',           sub { bytes(250) } ],
	[ 'mediumblob',         sub { bytes(5000) } ]);

push @types, map { my @size = @$_; [ "decimal($size[0],$size[1])", sub { decimal(@size) } ] }
  [ 1, 0 ], [ 9, 9 ], [ 10, 9 ], [ 18, 9 ], [ 19, 1 ], [ 38, 20 ], [ 65, 0 ], [ 65, 30 ];
push @types, map { [ "time($_)", sub { quoted('%s%d:%02d:%02d.%06d', sign(), rand 838, clock()) } ] } 0 .. 6;
push @types, map { my $bits = $_; [ "bit($bits)", sub { q{b'} . join('', map { int rand 2 } 1 .. $bits) . q{'} } ] } 1, 7, 8, 9, 33, 64;
push @types, map { my @labels = map { "l$_" } 1 .. $_; [ 'enum(' . join(', ', map { "'$_'" } @labels) . ')', sub { quoted('%s', one_of(@labels)) } ] } 4, 300;
push @types, map { my @labels = map { "l$_" } 1 .. $_; [ 'set(' . join(', ', map { "'$_'" } @labels) . ')',
		sub { quoted('%s', join ',', grep { rand() < 0.3 } @labels) } ] } 4, 9, 64;

my %letters = (
	armscii8 => 'Հայ', big5 => '中文測試', cp1250 => 'řžš', cp1251 => 'Привет', cp1256 => 'مرحبا', cp1257 => 'āčē', cp850 => 'äöé', cp852 => 'řžš', cp866 => 'Привет',
	cp932 => '日本語テスト①ｱ', dec8 => 'äöé', eucjpms => '日本語テスト①ｱ', euckr => '한국어', gb18030 => '中文测试😀ä', gb2312 => '中文字', gbk => '中文字符测试', geostd8 => 'ქარ',
	greek => 'Γειά', hebrew => 'שלום', hp8 => 'äöé', keybcs2 => 'řžš', koi8r => 'Привет', koi8u => 'Привіт', latin1 => 'äö€Œ', latin2 => 'řžš', latin5 => 'ığş', latin7 => 'āčē',
	macce => 'řžš', macroman => 'äöé', sjis => '日本語テストｱｶ', tis620 => 'ภาษาไทย', ucs2 => 'ä中', ujis => '日本語テストｱ', utf16 => 'ä中😀', utf16le => 'ä中😀', utf32 => 'ä中😀',
	utf8mb3 => 'ä中', utf8mb4 => 'ä中😀');

foreach my $charset (split /\n/, $source->sql("SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME <> 'binary' ORDER BY 1"))
{
	my $own = $letters{$charset} || '';

	utf8::decode($own);
	my @letters = (split(//, $own), 'a', 'Z', ' ', '~', '0', '"', "\t");
	my $text = sub {
		my $value = join '', map { one_of(@letters) } 1 .. int rand 12;
		utf8::encode($value);
		return "'$value'";
	};
	push @types, map { [ "$_ character set $charset", $text ] } 'varchar(40)', 'char(12)', 'text';
}

sub insert
{
	my ($first) = @_;

	return "SET sql_mode = '';\n" . join '', map { my $i = $_;
		"INSERT INTO t$i VALUES " . join(', ', map { '(' . ($first + $_) . ', ' . (rand() < 0.1 ? 'NULL' : $types[$i][1]->()) . ')' } 1 .. $rows) . ";\n" } 0 .. $#types;
}

sub equal_ok
{
	my ($what, $task) = @_;
	my ($code, $out, $err) = $task->run('verify');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($code, 0, $what);
	foreach my $line (grep { /different|failed/ } split /\n/, $out)
	{
		diag($line);
		diag("the type is $types[$1][0]") if $line =~ /^app\.t(\d+) /;
	}
}

$source->sql(join '', map { "CREATE TABLE t$_ (id int PRIMARY KEY, v $types[$_][0]);\n" } 0 .. $#types);
$source->sql(insert(0));
my $task = DbsyncTest->new(source => $source, target => $target);
my ($code, $out, $err) = $task->run('schema');
is($code, 0, 'tables') or diag($err);
$task->until_current_ok('copy');
equal_ok('the copy is equal', $task);

foreach my $image (qw(FULL MINIMAL))
{
	my $first = $image eq 'FULL' ? 1000 : 2000;

	$source->sql("SET GLOBAL binlog_row_image = $image", '');
	$source->sql(insert($first));
	$source->sql(join '', map { "UPDATE t$_ AS a JOIN t$_ AS b ON b.id = a.id + $first SET a.v = b.v WHERE a.id <= $rows / 2;\n" } 0 .. $#types);
	$task->until_current_ok("stream, binlog_row_image = $image");
	equal_ok("the stream is equal, binlog_row_image = $image", $task);
}

done_testing();
