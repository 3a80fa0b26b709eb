#!/usr/bin/perl
# Tables and charts from the results: report.pl FOLDER_OF_RESULTS FOLDER_OF_DOCS
#
# Writes between the marks <!-- NAME --> and <!-- /NAME --> of benchmarks.md, and one SVG a
# question beside it. The text around them is written by hand. Of several runs the median counts.
use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

my ($results, $docs) = @ARGV;
die "usage: report.pl RESULTS DOCS\n" unless defined $docs;

my %title = (
	alidecode => 'alidecode', floor => 'decoding alone', pgoutput => 'pgoutput', pgoutput_binary => 'pgoutput, binary',
	test_decoding => 'test_decoding', wal2json_1 => 'wal2json, format 1', wal2json_2 => 'wal2json, format 2',
	builtin => 'built-in', builtin_binary => 'built-in, binary', pglogical => 'pglogical', pgcopydb => 'pgcopydb',
	dbsync => 'dbsync', dbsync_strict => 'dbsync, apply=strict', dbsync_j1 => 'dbsync -j 1', dbsync_j4 => 'dbsync -j 4', dbsync_split => 'dbsync -j 2, split',
	dbsync_mysql => 'dbsync', dbsync_mysql_j2 => 'dbsync -j 2', pgloader => 'pgloader', pipe_mysql => 'mariadb to psql, pipe',
	dump_restore => 'pg_dump, pg_restore -j 2', pipe_text => 'psql COPY pipe, text', pipe_binary => 'psql COPY pipe, binary',
	tpcb => 'TPC-B', tpcb_durable => 'TPC-B, durable target', inserts => 'wide inserts, one transaction',
	inserts_500 => 'wide inserts, 500 a transaction', updates => 'updates, 1,000 a transaction', pgbench => 'pgbench',
);

my (%facts, %value, %failed, %order);
my @questions = qw(decode drain copy live mysql);

read_results($_) for @questions;
my $page = read_file("$docs/benchmarks.md");
for my $question (grep { $value{$_} || $failed{$_} } @questions)
{
	my ($text, @panels) = __PACKAGE__->can($question)->();
	$text = sprintf("![%s](benchmarks-%s.svg)\n\n%s\n%s", $question, $question, $text, settings($question));
	$page =~ s/(<!-- \Q$question\E -->\n).*?(<!-- \/\Q$question\E -->)/$1\n$text\n$2/s
	  or warn "benchmarks.md has no place for $question\n";
	write_file("$docs/benchmarks-$question.svg", chart(@panels));
}
write_file("$docs/benchmarks.md", $page);

sub read_results
{
	my ($question) = @_;
	open(my $file, '<', "$results/$question.tsv") or return;
	while (my $line = <$file>)
	{
		chomp $line;
		my (undef, $load, $peer, $run, $metric, $text) = split /\t/, $line, 6;
		if ($load eq 'facts') { $facts{$question}{$metric} = $text; next; }
		push @{$order{$question}{loads}}, $load unless $order{$question}{seen}{$load}++;
		push @{$order{$question}{$load}}, $peer unless $order{$question}{seen}{"$load $peer"}++;
		if ($metric eq 'failed') { push @{$failed{$question}{$load}{$peer}}, $text; next; }
		push @{$value{$question}{$load}{$peer}{$metric}}, $text;
	}
}

# The median, undefined where there is no run.
sub median
{
	my ($question, $load, $peer, $metric) = @_;
	my @sorted = sort { $a <=> $b } @{$value{$question}{$load}{$peer}{$metric} // []};
	return unless @sorted;
	return @sorted % 2 ? $sorted[$#sorted / 2] : ($sorted[@sorted / 2 - 1] + $sorted[@sorted / 2]) / 2;
}

# Peers of a load that have a result, and lines about those that have not.
sub peers
{
	my ($question, $load) = @_;
	my @with = grep { $value{$question}{$load}{$_} } @{$order{$question}{$load}};
	my @notes = map { sprintf("\n%s: %s, in %d of %s runs.\n", $title{$_} // $_, $failed{$question}{$load}{$_}[0],
			scalar @{$failed{$question}{$load}{$_}}, $facts{$question}{runs} // '?') } grep { $failed{$question}{$load}{$_} } @{$order{$question}{$load}};
	return (\@with, join('', @notes));
}

# A column: heading, and a function of the peer.
sub table
{
	my ($peers, @columns) = @_;
	my $text = '| |' . join('|', map { " $_->[0] " } @columns) . "|\n|---|" . ('---:|' x @columns) . "\n";
	for my $peer (@$peers)
	{
		my $name = $title{$peer} // $peer;
		$name = "**$name**" if is_ours($peer);
		$text .= "| $name |" . join('|', map { my $cell = $_->[1]->($peer); ' ' . (defined $cell ? $cell : '–') . ' ' } @columns) . "|\n";
	}
	return $text;
}

sub is_ours { return $_[0] =~ /^(alidecode|dbsync)/; }

sub ratio { my ($a, $b) = @_; return defined $a && defined $b && $b > 0 ? sprintf('%.2f×', $a / $b) : undef; }

sub thousands { my $n = sprintf('%.0f', $_[0]); 1 while $n =~ s/^(\d+)(\d{3})/$1,$2/; return $n; }

sub decode
{
	my ($text, @panels) = ('');
	for my $load (@{$order{decode}{loads}})
	{
		my ($peers, $notes) = peers('decode', $load);
		my $of = sub { my ($peer, $metric) = @_; my $m = median('decode', $load, $peer, $metric); my $n = median('decode', $load, $peer, 'changes'); return defined $m && $n ? $m / $n : undef; };
		my $cpu = sub { my $c = $of->($_[0], 'walsender'); return defined $c ? $c * 1e6 : undef; };
		$text .= "**$title{$load}** (" . thousands(median('decode', $load, $peers->[0], 'changes')) . " changes)\n\n" . table($peers,
			['walsender, µs a change', sub { my $c = $cpu->($_[0]); defined $c ? sprintf('%.2f', $c) : undef }],
			['alidecode : it', sub { is_ours($_[0]) ? undef : ratio($cpu->('alidecode'), $cpu->($_[0])) }],
			['receiver, µs a change', sub { my $c = $of->($_[0], 'receiver'); defined $c ? sprintf('%.2f', $c * 1e6) : undef }],
			['bytes a change', sub { my $b = $of->($_[0], 'bytes'); $b ? sprintf('%.0f', $b) : undef }],
			['alidecode : it', sub { is_ours($_[0]) ? undef : ratio($of->('alidecode', 'bytes'), $of->($_[0], 'bytes')) }]) . "$notes\n";
		push @panels, {title => "$title{$load}: walsender, µs CPU a change (less is better)", bars => [map { [$_, $cpu->($_), '%.2f'] } @$peers]};
	}
	return ($text, @panels);
}

sub drain
{
	my ($text, @panels) = ('');
	for my $load (@{$order{drain}{loads}})
	{
		my ($peers, $notes) = peers('drain', $load);
		my $unit = $load =~ /^tpcb/ ? 'transactions' : 'changes';
		my $rate = sub { my $s = median('drain', $load, $_[0], 'seconds'); return $s ? median('drain', $load, $_[0], $unit) / $s : undef; };
		my $cpu = sub { my ($peer, @metrics) = @_; my $sum = 0; for (@metrics) { my $m = median('drain', $load, $peer, $_); return unless defined $m; $sum += $m; } return $sum / median('drain', $load, $peer, 'changes') * 1e6; };
		my @all = qw(walsender consumer target);
		$text .= "**$title{$load}**\n\n" . table($peers,
			["$unit/s", sub { my $r = $rate->($_[0]); $r ? thousands($r) : undef }],
			['dbsync : it', sub { is_ours($_[0]) ? undef : ratio($rate->('dbsync'), $rate->($_[0])) }],
			(map { my $metric = $_; ["$metric, µs a change", sub { my $c = $cpu->($_[0], $metric); defined $c ? sprintf('%.2f', $c) : undef }] } @all),
			['all', sub { my $c = $cpu->($_[0], @all); defined $c ? sprintf('%.2f', $c) : undef }],
			['dbsync : it', sub { is_ours($_[0]) ? undef : ratio($cpu->('dbsync', @all), $cpu->($_[0], @all)) }]) . "$notes\n";
		push @panels, {title => "$title{$load}: $unit a second (more is better)", bars => [map { [$_, $rate->($_), 'thousands'] } @$peers]};
	}
	return ($text, @panels);
}

sub copy
{
	my ($text, @panels) = ('');
	for my $load (@{$order{copy}{loads}})
	{
		my ($peers, $notes) = peers('copy', $load);
		my $rate = sub { my $s = median('copy', $load, $_[0], 'seconds'); return $s ? median('copy', $load, $_[0], 'rows') / $s : undef; };
		my $cpu = sub { my $c = median('copy', $load, @_); return defined $c ? sprintf('%.2f', $c / median('copy', $load, $_[0], 'rows') * 1e6) : undef; };
		$text .= '**' . thousands(median('copy', $load, $peers->[0], 'rows')) . " rows**\n\n" . table($peers,
			['seconds', sub { my $s = median('copy', $load, $_[0], 'seconds'); defined $s ? sprintf('%.2f', $s) : undef }],
			['rows/s', sub { my $r = $rate->($_[0]); $r ? thousands($r) : undef }],
			['dbsync : it', sub { $_[0] eq 'dbsync' ? undef : ratio($rate->('dbsync'), $rate->($_[0])) }],
			['source, µs a row', sub { $cpu->($_[0], 'source') }], ['client, µs a row', sub { $cpu->($_[0], 'consumer') }],
			['target, µs a row', sub { $cpu->($_[0], 'target') }]) . "$notes\n";
		push @panels, {title => 'copy: rows a second (more is better)', bars => [map { [$_, $rate->($_), 'thousands'] } @$peers]};
	}
	return ($text, @panels);
}

sub live
{
	my ($text, @panels) = ('');
	for my $load (@{$order{live}{loads}})
	{
		my ($peers, $notes) = peers('live', $load);
		my $of = sub { return median('live', $load, @_); };
		my $number = sub { my ($format, $n) = @_; return defined $n ? sprintf($format, $n) : undef; };
		$text .= "**$load**\n\n" . table($peers,
			['transactions', sub { thousands($of->($_[0], 'transactions')) }],
			['lag: median, ms', sub { $number->('%.2f', $of->($_[0], 'median_ms')) }],
			['dbsync : it', sub { is_ours($_[0]) ? undef : ratio($of->('dbsync', 'median_ms'), $of->($_[0], 'median_ms')) }],
			['99 of 100, ms', sub { $number->('%.2f', $of->($_[0], 'p99_ms')) }],
			['dbsync : it', sub { is_ours($_[0]) ? undef : ratio($of->('dbsync', 'p99_ms'), $of->($_[0], 'p99_ms')) }],
			['longest, ms', sub { $number->('%.1f', $of->($_[0], 'max_ms')) }],
			['CPU s in all', sub { my $peer = shift; $number->('%.2f', eval { $of->($peer, 'walsender') + $of->($peer, 'consumer') + $of->($peer, 'target') }) }],
			['memory, MB', sub { my $m = $of->($_[0], 'memory_mb'); $m ? sprintf('%.0f', $m) : undef }]) . "$notes\n";
		push @panels, {title => 'lag, ms: median (less is better)', bars => [map { [$_, $of->($_, 'median_ms'), '%.2f'] } @$peers]},
		  {title => 'lag, ms: 99 of 100 (less is better)', bars => [map { [$_, $of->($_, 'p99_ms'), '%.2f'] } @$peers]};
	}
	return ($text, @panels);
}

# The copy beside its peers, then each backlog from both kinds of source.
sub mysql
{
	my ($text, @panels) = ('');
	for my $load (@{$order{mysql}{loads}})
	{
		my ($more, $panel) = $load eq 'copy' ? mysql_copy($load) : mysql_drain($load);
		$text .= $more;
		push @panels, $panel;
	}
	return ($text, @panels);
}

sub mysql_copy
{
	my ($load) = @_;
	my ($peers, $notes) = peers('mysql', $load);
	my $of = sub { return median('mysql', $load, @_); };
	my $seconds = sub { my ($peer, @metrics) = @_; my $sum = 0; for (@metrics) { $sum += $of->($peer, $_) // return } return sprintf('%.2f', $sum); };
	my $rate = sub { my $s = $of->($_[0], 'seconds'); return $s ? $of->($_[0], 'rows') / $s : undef; };
	my $rows = thousands($of->($peers->[0], 'rows'));
	my $text = "**Copy of $rows rows**\n\n" . table($peers,
		['seconds', sub { $seconds->($_[0], 'seconds') }],
		['rows/s', sub { my $r = $rate->($_[0]); $r ? thousands($r) : undef }],
		['dbsync : it', sub { $_[0] eq 'dbsync_mysql' ? undef : ratio($rate->('dbsync_mysql'), $rate->($_[0])) }],
		['MariaDB, CPU s', sub { $seconds->($_[0], 'source') }], ['program, CPU s', sub { $seconds->($_[0], 'consumer') }],
		['target, CPU s', sub { $seconds->($_[0], 'target') }], ['all', sub { $seconds->($_[0], 'source', 'consumer', 'target') }],
		['memory, MB', sub { my $m = $of->($_[0], 'memory_mb'); $m ? sprintf('%.0f', $m) : undef }]) . "$notes\n";
	return ($text, {title => 'copy: rows a second (more is better)', bars => [map { [$_, $rate->($_), 'thousands'] } @$peers]});
}

sub mysql_drain
{
	my ($load) = @_;
	local @title{qw(dbsync dbsync_mysql)} = ('from PostgreSQL', 'from MariaDB');
	my ($peers, $notes) = peers('mysql', $load);
	my $of = sub { return median('mysql', $load, @_); };
	my $unit = $load =~ /^tpcb/ ? 'transactions' : 'changes';
	my $rate = sub { my $s = $of->($_[0], 'seconds'); return $s ? $of->($_[0], $unit) / $s : undef; };
	my $cpu = sub { my ($peer, @metrics) = @_; my $sum = 0; for (@metrics) { $sum += $of->($peer, $_) // return } return sprintf('%.2f', $sum / $of->($peer, 'changes') * 1e6); };
	my $text = "**$title{$load}**\n\n" . table($peers,
		["$unit/s", sub { my $r = $rate->($_[0]); $r ? thousands($r) : undef }],
		['MariaDB : it', sub { $_[0] eq 'dbsync_mysql' ? undef : ratio($rate->('dbsync_mysql'), $rate->($_[0])) }],
		['source, µs a change', sub { $cpu->($_[0], 'walsender') }], ['dbsync, µs a change', sub { $cpu->($_[0], 'consumer') }],
		['target, µs a change', sub { $cpu->($_[0], 'target') }], ['all', sub { $cpu->($_[0], 'walsender', 'consumer', 'target') }],
		['MariaDB : it', sub { $_[0] eq 'dbsync_mysql' ? undef : ratio($cpu->('dbsync_mysql', qw(walsender consumer target)), $cpu->($_[0], qw(walsender consumer target))) }],
		['memory, MB', sub { my $m = $of->($_[0], 'memory_mb'); $m ? sprintf('%.0f', $m) : undef }]) . "$notes\n";
	return ($text, {title => "$title{$load}: $unit a second (more is better)", bars => [map { [$_, $rate->($_), 'thousands', $title{$_}] } @$peers]});
}

sub settings
{
	my ($question) = @_;
	my %fact = %{$facts{$question} // {}};
	my @peers = map { "$_ $fact{$_}" } grep { $fact{$_} } qw(wal2json pglogical pgcopydb pgloader mariadb);
	return sprintf("%s. PostgreSQL %s; alidecode and dbsync %s; %s. %s, %s cores, %s, Linux %s. Scale \"%s\", runs of each: %s.\nSettings of both servers: `%s`.\n",
		(map { $fact{$_} // '?' } qw(date postgres alidecode)), join(', ', @peers) || 'no other peers',
		map { $fact{$_} // '?' } qw(cpu cores memory kernel scale runs settings));
}

# Bars in panels, two beside each other.
sub chart
{
	my @panels = @_;
	my ($width, $label, $bar, $head, $gap) = (480, 150, 20, 34, 18);
	my ($svg, $y, $row_height) = ('', 8, 0);
	for my $i (0 .. $#panels)
	{
		my ($panel, $x) = ($panels[$i], $i % 2 * $width);
		my @bars = grep { defined $_->[1] } @{$panel->{bars}};
		my ($most) = sort { $b <=> $a } map { $_->[1] } @bars;
		$svg .= sprintf(qq{<text x="%d" y="%d" font-weight="bold">%s</text>\n}, $x + 8, $y + 18, escape($panel->{title}));
		for my $n (0 .. $#bars)
		{
			my ($peer, $number, $format, $name) = @{$bars[$n]};
			my $top = $y + $head + $n * $bar;
			my $length = $most ? ($width - $label - 90) * $number / $most : 0;
			$svg .= sprintf(qq{<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d">%s</text>\n},
				$x + $label, $top + 12, escape($name // $title{$peer} // $peer), $x + $label + 6, $top, $length, $bar - 5, is_ours($peer) ? '#d9480f' : '#8795a6',
				$x + $label + 10 + $length, $top + 12, $format eq 'thousands' ? thousands($number) : sprintf($format, $number));
		}
		my $height = $head + @bars * $bar + $gap;
		$row_height = $height if $height > $row_height;
		if ($i % 2 || $i == $#panels) { $y += $row_height; $row_height = 0; }
	}
	my $all = @panels > 1 ? 2 * $width : $width;
	return qq{<svg xmlns="http://www.w3.org/2000/svg" width="$all" height="$y" viewBox="0 0 $all $y" font-family="sans-serif" font-size="11.5">\n<rect width="100%" height="100%" fill="white"/>\n$svg</svg>\n};
}

sub escape { my ($text) = @_; $text =~ s/&/&amp;/g; $text =~ s/</&lt;/g; return $text; }

sub read_file { my ($name) = @_; local $/; open(my $file, '<', $name) or die "$name: $!\n"; return scalar <$file>; }

sub write_file { my ($name, $text) = @_; open(my $file, '>', $name) or die "$name: $!\n"; print $file $text; close $file or die "$name: $!\n"; }
