#!/usr/bin/perl
# Makes an MMDB of AS numbers from CSV files with the columns first address, last address, AS number, name:
# asn-mmdb.pl OUTPUT.mmdb INPUT.csv...
use strict;
use warnings;
use MaxMind::DB::Writer::Tree;

my ($output, @inputs) = @ARGV;
die "usage: asn-mmdb.pl OUTPUT.mmdb INPUT.csv...\n" unless @inputs;

my %types = (autonomous_system_number => 'uint32', autonomous_system_organization => 'utf8_string');
my $tree = MaxMind::DB::Writer::Tree->new(
    ip_version               => 6,
    record_size              => 24,
    database_type            => 'asn',
    languages                => ['en'],
    description              => { en => 'AS numbers by RouteViews, DB-IP and NRO, from @ip-location-db/asn (CC-BY-4.0)' },
    alias_ipv6_to_ipv4       => 0,
    remove_reserved_networks => 0,
    map_key_type_callback    => sub { $types{ $_[0] } },
);

for my $input (@inputs) {
    open my $csv, '<:encoding(UTF-8)', $input or die "$input: $!\n";
    while (my $line = <$csv>) {
        $line =~ s/\r?\n\z//;
        my ($first, $last, $number, $name) = split /,/, $line, 4;
        die "$input:$.: no line of an AS number list\n"
            unless defined $name && $number =~ /\A[0-9]{1,10}\z/ && "$first$last" =~ /\A[0-9a-f:.]+\z/;
        $name =~ s/""/"/g if $name =~ s/\A"(.*)"\z/$1/;
        $tree->insert_range($first, $last,
            { autonomous_system_number => $number, autonomous_system_organization => $name });
    }
}

open my $out, '>:raw', $output or die "$output: $!\n";
$tree->write_tree($out);
close $out or die "$output: $!\n";
