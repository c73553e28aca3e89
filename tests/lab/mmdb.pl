#!/usr/bin/perl
# Writes MMDB files from geo.py's description: mmdb.pl SPEC.json DIRECTORY
use strict;
use warnings;
use JSON::PP;
use MaxMind::DB::Writer::Tree;

my %types = (
    latitude                 => 'double',
    longitude                => 'double',
    accuracy_radius          => 'uint16',
    autonomous_system_number => 'uint32',
    map { $_ => 'map' } qw(country registered_country location names),
);
$types{subdivisions} = [ 'array', 'map' ];

my ($spec_file, $directory) = @ARGV;
open my $in, '<:raw', $spec_file or die "$spec_file: $!\n";
my $spec = decode_json(do { local $/; <$in> });

for my $name (sort keys %{ $spec->{types} }) {
    # A map in MaxMind's layout, plain text in the flat one.
    my $city = $name =~ /flat/ ? 'utf8_string' : 'map';
    my $tree = MaxMind::DB::Writer::Tree->new(
        ip_version               => 6,
        record_size              => 24,
        database_type            => $spec->{types}{$name},
        languages                => ['en'],
        description              => { en => "Invented locations for the mooring lab" },
        alias_ipv6_to_ipv4       => 0,
        # The lab's addresses are loopback addresses.
        remove_reserved_networks => 0,
        map_key_type_callback    => sub { $_[0] eq 'city' ? $city : $types{ $_[0] } || 'utf8_string' },
    );
    my $records = $spec->{records}{$name};
    for my $network (sort keys %$records) {
        $tree->insert_network($network, $records->{$network});
    }
    open my $out, '>:raw', "$directory/$name.mmdb" or die "$directory/$name.mmdb: $!\n";
    $tree->write_tree($out);
    close $out or die "$directory/$name.mmdb: $!\n";
}
